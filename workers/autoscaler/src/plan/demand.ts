import type { AssessedNode, Fleet } from "./fleet.ts";
import type { ScalingInputs } from "./inputs.ts";
import { PLACEMENT_PRESSURE_MAX, TOLERANCE_PERCENT } from "./policy.ts";

export interface Demand {
  /** Nodes that the load asks for. */
  byPressure: number;
  /** Nodes that waiting jobs ask for beyond the free slots. */
  byJobs: number;
  /** Nodes that should serve. */
  recommended: number;
  /** Load per serving node, percent. */
  meanPressure: number;
  /** Sum of the pressure that serving nodes must carry, percent of one node. */
  load: number;
}

/**
 * Nodes that should serve, from the state alone: ceil(nodes x pressure / target), unchanged within the tolerance, plus room
 * for waiting jobs. Load on leaving nodes counts, their capacity does not; a sick node's figures count as one full node at most.
 */
export function measureDemand(inputs: ScalingInputs, { serving, leaving }: Fleet): Demand {
  const { targetPressure, minNodes, nodeCapacity, waitingJobs } = inputs;
  const homeless = leaving.filter(({ tenants }) => tenants > 0);
  const load =
    serving.reduce((sum, { pressure }) => sum + pressure, 0) +
    homeless.reduce((sum, { pressure }) => sum + Math.min(pressure, targetPressure), 0);
  const carried = serving.length * targetPressure;
  const isWithinTolerance = Math.abs(load - carried) * 100 <= carried * TOLERANCE_PERCENT;
  const byPressure =
    serving.length > 0 && isWithinTolerance ? serving.length : Math.ceil(load / Math.max(1, targetPressure));
  const byJobs = Math.ceil(Math.max(0, waitingJobs - roomFor(serving)) / Math.max(1, nodeCapacity));
  return {
    byPressure,
    byJobs,
    recommended: Math.max(minNodes, byPressure + byJobs),
    meanPressure: Math.round(load / Math.max(1, serving.length)),
    load,
  };
}

// A node that just came up takes the waiting jobs: without its slots it would be ordered twice.
function roomFor(serving: readonly AssessedNode[]): number {
  return serving
    .filter(({ score, pressure }) => score.health !== "UNKNOWN" && score.band !== "unhealthy" && isOpen(pressure))
    .reduce((sum, node) => sum + freeSlots(node), 0);
}

const isOpen = (pressure: number): boolean => pressure < PLACEMENT_PRESSURE_MAX;

export const freeSlots = ({ capacity, tenants }: AssessedNode): number => Math.max(0, capacity - tenants);
