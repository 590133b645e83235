import { parseInstant } from "@prego/core/period";
import { z } from "zod";
import { METRICS, type MetricsSample, type MetricValues } from "./metrics-sample.ts";

/** Samples in one report; a node that was cut off sends its backlog in several. */
export const SAMPLES_PER_REPORT_MAX = 100;
/** How old a sample may be: older ones no longer change a decision. */
export const SAMPLE_AGE_MS_MAX = 60 * 60 * 1_000;
/** How far ahead a node's clock may be. */
export const SAMPLE_AHEAD_MS_MAX = 5 * 60 * 1_000;
/** Load average of a node that hangs: 100 times its cores. */
export const LOAD_PERCENT_MAX = 10_000;
/** Longest latency an agent reports: an hour. */
const LATENCY_MS_MAX = 3_600_000;
const TENANTS_MAX = 100_000;

/** A node's id: safe in a URL, a workflow input and a log line. */
export const NodeId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, "Expected a node id");

const Percent = z.number().min(0).max(100);
const Instant = z.string().refine((text) => parseInstant(text) !== undefined, "Expected an RFC 3339 instant");

/** One sample on the wire. */
const ReportedSample = z.strictObject({
  ts: Instant,
  cpu: Percent,
  memory: Percent,
  disk: Percent,
  load: z.number().min(0).max(LOAD_PERCENT_MAX).nullish(),
  error_rate: Percent.nullish(),
  latency_ms: z.number().min(0).max(LATENCY_MS_MAX).nullish(),
  tenant_count: z.int().min(0).max(TENANTS_MAX).nullish(),
});

/** Body of `POST /metrics`. */
export const MetricsReport = z.strictObject({
  node_id: NodeId,
  samples: z.array(ReportedSample).min(1).max(SAMPLES_PER_REPORT_MAX),
});
export type MetricsReport = z.infer<typeof MetricsReport>;

export const readReport = ({ samples }: MetricsReport): MetricsSample[] =>
  samples.map((sample) => ({
    tsMs: parseInstant(sample.ts) ?? Number.NaN,
    values: Object.fromEntries(METRICS.map((metric) => [metric, sample[metric] ?? null])) as MetricValues,
  }));

/** Whether a sample's time is near enough to now to count. */
export const isTimely = ({ tsMs }: MetricsSample, nowMs: number): boolean =>
  tsMs >= nowMs - SAMPLE_AGE_MS_MAX && tsMs <= nowMs + SAMPLE_AHEAD_MS_MAX;
