import type { DimensionValues } from "./dimension.ts";

/** Length of a metrics window. */
export const HEALTH_WINDOW_MS = 10 * 60 * 1_000;
/** Windows that smoothing looks back: with a half-life of one window older ones weigh less than 2 %. */
export const HEALTH_HORIZON_WINDOWS = 6;
/** Missed windows from which nothing is known of a node. */
export const UNKNOWN_AFTER_WINDOWS = 2;

/**
 * One node's metrics of one 10-minute window. Percentages are 0-100; load is the load average in percent of the cores
 * and may exceed 100. What an agent does not measure is null, never 0.
 */
export interface NodeWindow {
  /** Start of the window, epoch milliseconds. */
  windowStartMs: number;
  samples: number;
  cpuAvg: number | null;
  cpuP95: number | null;
  memoryAvg: number | null;
  memoryP95: number | null;
  diskAvg: number | null;
  diskP95: number | null;
  loadAvg: number | null;
  errorRateAvg: number | null;
  latencyP95Ms: number | null;
  tenantCount: number | null;
}

/** A window that reports at least CPU, memory and disk. */
export interface Report extends NodeWindow {
  cpuAvg: number;
  cpuP95: number;
  memoryAvg: number;
  memoryP95: number;
  diskAvg: number;
  diskP95: number;
}

/** Whether a window says enough to judge a node; one that does not counts as missed. */
export function isReport(window: NodeWindow): window is Report {
  const { cpuAvg, cpuP95, memoryAvg, memoryP95, diskAvg, diskP95 } = window;
  return window.samples > 0 && [cpuAvg, cpuP95, memoryAvg, memoryP95, diskAvg, diskP95].every(isMetric);
}

function isMetric(value: number | null): value is number {
  return value !== null && Number.isFinite(value) && value >= 0;
}

/** Start of the window that a time is in. */
export function windowStartOf(epochMs: number): number {
  return Math.floor(epochMs / HEALTH_WINDOW_MS) * HEALTH_WINDOW_MS;
}

/** What was known of a node in one window. */
export interface Moment {
  newest: Report;
  missedWindows: number;
  values: DimensionValues;
}

/**
 * The values to score in the window that starts at `windowMs`, from the reports up to it.
 * @returns undefined if too many windows are missing to know anything.
 */
export function readMoment(reports: readonly Report[], windowMs: number): Moment | undefined {
  const past = reports
    .map((report) => ({ report, age: (windowMs - windowStartOf(report.windowStartMs)) / HEALTH_WINDOW_MS }))
    .filter(({ age }) => age >= 0 && age < HEALTH_HORIZON_WINDOWS)
    .toSorted((left, right) => left.age - right.age);
  const [first] = past;
  if (first === undefined || first.age >= UNKNOWN_AFTER_WINDOWS) return undefined;

  const newest = first.report;
  const smooth = (metric: keyof NodeWindow): number | undefined => {
    const known = past.flatMap(({ report, age }) => {
      const value = report[metric];
      return isMetric(value) ? [{ value, share: 0.5 ** age }] : [];
    });
    const shares = known.reduce((sum, { share }) => sum + share, 0);
    return known.length === 0 ? undefined : known.reduce((sum, { value, share }) => sum + value * share, 0) / shares;
  };
  return {
    newest,
    missedWindows: first.age,
    values: withoutUnknown({
      memory: Math.max(smooth("memoryAvg") ?? 0, newest.memoryP95),
      disk: Math.max(smooth("diskAvg") ?? 0, newest.diskP95),
      errorRate: smooth("errorRateAvg"),
      staleness: first.age,
      cpu: Math.max(smooth("cpuAvg") ?? 0, newest.cpuP95),
      load: smooth("loadAvg"),
      latency: past.map(({ report }) => report.latencyP95Ms).find(isMetric),
    }),
  };
}

function withoutUnknown(values: Record<keyof DimensionValues, number | undefined>): DimensionValues {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** Percent of the scarcest of CPU, memory and tenant slots in use, rounded; may exceed 100. */
export function pressureOf(report: Report, tenantCapacity: number | undefined): number {
  const { cpuP95, memoryP95, tenantCount } = report;
  return Math.round(Math.max(cpuP95, memoryP95, slotsInUse(tenantCount ?? 0, tenantCapacity)));
}

function slotsInUse(tenantCount: number, tenantCapacity: number | undefined): number {
  if (tenantCapacity === undefined) return 0;
  return tenantCapacity > 0 ? (100 * tenantCount) / tenantCapacity : 100;
}
