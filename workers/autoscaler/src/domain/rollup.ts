import { HEALTH_WINDOW_MS } from "@prego/core/health-score";
import { formatInstant } from "@prego/core/period";
import { type Metric, METRICS, type MetricsSample, type MetricValues } from "./metrics-sample.ts";

/** Samples kept of a window: one every 5 seconds; its row stays near 20 kB. */
export const SAMPLES_PER_WINDOW_MAX = 120;

/** Figures of one metric in a window; null when no sample measures it. */
export interface MetricFigures {
  avg: number | null;
  p95: number | null;
}

/** A window as it is stored, computed from its samples alone. */
export interface Rollup {
  windowMs: number;
  /** Samples behind CPU, memory and disk, the least of the three: at 0 nothing is known of the node. */
  samples: number;
  samplesJson: string;
  figures: Record<Metric, MetricFigures>;
  /** Of the newest sample that has one. */
  tenantCount: number | null;
}

/** Content of `samples_json`: values by instant. */
type StoredSamples = Record<string, MetricValues>;

const HARD_METRICS = ["cpu", "memory", "disk"] as const satisfies readonly Metric[];

/** A window that a report changes, with the content it was computed from. */
export interface RollupChange {
  rollup: Rollup;
  /** `samples_json` before; undefined for a new window. */
  previousJson: string | undefined;
}

export interface RollupPlan {
  changes: RollupChange[];
  /** Samples that add something. */
  accepted: number;
  /** Samples that were there already, or that a full window has no room for. */
  duplicates: number;
}

export const windowOf = ({ tsMs }: MetricsSample): number => Math.floor(tsMs / HEALTH_WINDOW_MS) * HEALTH_WINDOW_MS;

/**
 * Adds samples to their windows. The order in which samples come, and how often, does not matter.
 * @param stored `samples_json` of the windows that exist, by start.
 */
export function planRollups(samples: readonly MetricsSample[], stored: ReadonlyMap<number, string>): RollupPlan {
  const changes: RollupChange[] = [];
  let accepted = 0;
  for (const [windowMs, additions] of Map.groupBy(samples, windowOf)) {
    const previousJson = stored.get(windowMs);
    const before = previousJson === undefined ? {} : (JSON.parse(previousJson) as StoredSamples);
    const { merged, added } = mergeSamples(before, additions);
    accepted += added;
    if (added > 0) changes.push({ rollup: rollUp(windowMs, merged), previousJson });
  }
  return { changes, accepted, duplicates: samples.length - accepted };
}

function mergeSamples(before: StoredSamples, additions: readonly MetricsSample[]) {
  const all = { ...before };
  const touched: string[] = [];
  for (const { tsMs, values } of additions) {
    const ts = formatInstant(tsMs);
    const known = all[ts];
    // Exporters may split one collection: a second part fills in, it never replaces.
    if (known === undefined || METRICS.some((metric) => known[metric] === null && values[metric] !== null)) {
      all[ts] = Object.fromEntries(
        METRICS.map((metric) => [metric, known?.[metric] ?? values[metric]]),
      ) as MetricValues;
      touched.push(ts);
    }
  }
  const kept = Object.keys(all).toSorted().slice(-SAMPLES_PER_WINDOW_MAX);
  const merged = Object.fromEntries(kept.map((ts) => [ts, all[ts] as MetricValues]));
  return { merged, added: touched.filter((ts) => ts in merged).length };
}

function rollUp(windowMs: number, samples: StoredSamples): Rollup {
  const rows = Object.values(samples);
  const measured = (metric: Metric): number[] => rows.flatMap((row) => row[metric] ?? []);
  return {
    windowMs,
    samples: Math.min(...HARD_METRICS.map((metric) => measured(metric).length)),
    samplesJson: JSON.stringify(samples),
    figures: Object.fromEntries(METRICS.map((metric) => [metric, figuresOf(measured(metric))])) as Rollup["figures"],
    tenantCount: measured("tenant_count").at(-1) ?? null,
  };
}

function figuresOf(values: readonly number[]): MetricFigures {
  if (values.length === 0) return { avg: null, p95: null };
  return { avg: values.reduce((sum, value) => sum + value, 0) / values.length, p95: nearestRank(values, 95) };
}

/** The smallest value that at least `percent` of all values do not exceed. */
export function nearestRank(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil((percent * sorted.length) / 100) - 1)] ?? Number.NaN;
}
