/** What a sample measures; percentages 0-100, load in percent of the cores, latency in milliseconds. */
export const METRICS = ["cpu", "memory", "disk", "load", "error_rate", "latency_ms", "tenant_count"] as const;

export type Metric = (typeof METRICS)[number];

/** Values of one sample; null is what the agent does not measure, never 0. */
export type MetricValues = Record<Metric, number | null>;

export interface MetricsSample {
  /** Epoch milliseconds. */
  tsMs: number;
  values: MetricValues;
}
