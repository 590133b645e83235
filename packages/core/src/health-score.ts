import { type DimensionScores, scoreDimensions } from "./health-score/dimension.ts";
import {
  HEALTH_HORIZON_WINDOWS,
  HEALTH_WINDOW_MS,
  isReport,
  type NodeWindow,
  pressureOf,
  readMoment,
  type Report,
  windowStartOf,
} from "./health-score/moment.ts";

export {
  DIMENSION_RULES,
  DIMENSIONS,
  type Dimension,
  type DimensionRule,
  type DimensionScore,
  type DimensionScores,
} from "./health-score/dimension.ts";
export {
  HEALTH_HORIZON_WINDOWS,
  HEALTH_WINDOW_MS,
  type NodeWindow,
  UNKNOWN_AFTER_WINDOWS,
} from "./health-score/moment.ts";

const CONFIRM_WINDOWS = 3;
const HEALTHY_FROM = 70;
const DEGRADED_FROM = 40;

/** `healthy` >= 70, `degraded` 40-69, `unhealthy` < 40, `unknown` without fresh data. */
export type HealthBand = "healthy" | "degraded" | "unhealthy" | "unknown";

/** How well and how full a node is. */
export interface NodeScore {
  /** Is it sick? 0-100 of the newest window. `UNKNOWN` is never read as idle. */
  health: number | "UNKNOWN";
  /** The band that at least 2 of the last 3 windows confirm. */
  band: HealthBand;
  /** Is it full? Percent of the scarcest of CPU, memory (95th percentiles) and tenant slots; may exceed 100. */
  pressure: number | undefined;
  /** Where the points went; only what the node reports. Empty if `UNKNOWN`. */
  dimensions: DimensionScores;
  /** Complete windows since the newest report, at most {@link HEALTH_HORIZON_WINDOWS}. */
  missedWindows: number;
}

/**
 * Scores a node from its newest windows. Memory, disk and CPU are judged by the worse of their smoothed average (half-life
 * one window) and the newest 95th percentile; formula and caps: `scoreDimensions`. A window without samples or without one
 * of the three counts as missed; two missed windows make the node `UNKNOWN`.
 * @param windows in any order; the last 8 have influence, those that begin after `nowMs` have none.
 * @param nowMs epoch milliseconds.
 * @param tenantCapacity tenants the node can run; without it slots do not count towards pressure.
 */
export function scoreNode(windows: readonly NodeWindow[], nowMs: number, tenantCapacity?: number): NodeScore {
  const reports = windows.filter(isReport).filter(({ windowStartMs }) => windowStartMs <= nowMs);
  const newestMs = reports.reduce(
    (latest, { windowStartMs }) => Math.max(latest, windowStartOf(windowStartMs)),
    -Infinity,
  );
  const lastCompleteMs = windowStartOf(nowMs) - HEALTH_WINDOW_MS;
  const windowMs = Math.max(newestMs, lastCompleteMs);
  const moment = readMoment(reports, windowMs);
  if (moment === undefined) {
    const missedWindows = Math.min(HEALTH_HORIZON_WINDOWS, (windowMs - newestMs) / HEALTH_WINDOW_MS);
    return { health: "UNKNOWN", band: "unknown", pressure: undefined, dimensions: {}, missedWindows };
  }
  const { health, dimensions } = scoreDimensions(moment.values);
  return {
    health,
    band: confirmBand(recentSeverities(reports, windowMs)),
    pressure: pressureOf(moment.newest, tenantCapacity),
    dimensions,
    missedWindows: moment.missedWindows,
  };
}

const BANDS = ["healthy", "degraded", "unhealthy"] as const;

/** Index into BANDS for each of the last windows, newest first, as far back as the node has reported. */
function recentSeverities(reports: readonly Report[], windowMs: number): number[] {
  const earliestMs = reports.reduce(
    (least, { windowStartMs }) => Math.min(least, windowStartOf(windowStartMs)),
    Infinity,
  );
  return Array.from({ length: CONFIRM_WINDOWS }, (_, index) => windowMs - index * HEALTH_WINDOW_MS)
    .filter((startMs) => startMs >= earliestMs)
    .map((startMs) => severityOf(readMoment(reports, startMs)));
}

// A silent window in between neither clears a node nor condemns it.
function severityOf(moment: ReturnType<typeof readMoment>): number {
  if (moment === undefined) return 1;
  const { health } = scoreDimensions(moment.values);
  return health >= HEALTHY_FROM ? 0 : health >= DEGRADED_FROM ? 1 : 2;
}

/** With three windows the middle one is what two confirm; with two both must agree; one alone cannot condemn. */
function confirmBand(severities: readonly number[]): HealthBand {
  const sorted = severities.toSorted((left, right) => left - right);
  const confirmed = sorted.length === 1 ? Math.min(1, sorted[0] ?? 1) : (sorted[sorted.length === 2 ? 0 : 1] ?? 1);
  return BANDS[confirmed] ?? "degraded";
}
