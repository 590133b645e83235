import { HEALTH_WINDOW_MS } from "@prego/core/health-score";

const MINUTE_MS = 60_000;

/** One evaluation per region and window; the same windows that metrics are rolled up by. */
export const EVALUATION_WINDOW_MS = HEALTH_WINDOW_MS;
/** Pressure may differ this much from the target before it asks for another number of nodes. */
export const TOLERANCE_PERCENT = 10;
/** Nodes ordered at once: a wrong figure must not buy a fleet, the next evaluation is 10 minutes away. */
export const SCALE_OUT_STEP_MAX = 4;
/** Windows in which fewer nodes must have been enough before one is drained: 60 minutes. */
export const STABILISATION_WINDOWS = 6;
/** No drain this soon after nodes were ordered or drained: tenants are still moving. */
export const SCALE_IN_COOLDOWN_MS = 30 * MINUTE_MS;
/** A node that has not reported by then never will. */
export const READY_WITHIN_MS = 15 * MINUTE_MS;
/** Nodes given up in one evaluation: keeps its batch far below the limit of statements. */
export const FAIL_STEP_MAX = 10;
/** Nodes cordoned in one evaluation: a fault in the metrics must not close a region. */
export const CORDON_STEP_MAX = 3;
/** From more unready nodes than this, and this share, the fault is elsewhere: as in Kubernetes' cluster autoscaler. */
export const UNREADY_NODES_MAX = 3;
export const UNREADY_PERCENT_MAX = 45;
/** Above this pressure placement avoids a node, so its free slots are no room for waiting jobs. */
export const PLACEMENT_PRESSURE_MAX = 75;
/** Failures older than this no longer slow down orders. */
export const FAILURE_MEMORY_MS = 6 * 60 * MINUTE_MS;
/** Longest pause between orders while new nodes keep failing. */
export const FAILURE_BACKOFF_MS_MAX = 120 * MINUTE_MS;
