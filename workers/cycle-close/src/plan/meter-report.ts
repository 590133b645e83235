import { z } from "zod";

/** What is read of Stripe's thin events about bad meter events; everything else in them is ignored. */
const MeterReport = z.object({
  data: z.object({
    reason: z.object({
      error_count: z.number(),
      error_types: z.array(
        z.object({
          code: z.string(),
          sample_errors: z.array(z.object({ request: z.object({ identifier: z.string() }) })).default([]),
        }),
      ),
    }),
  }),
});

/** Identifiers that a report names with their error code, and how many errors there were: Stripe names samples only. */
export interface MeterRefusals {
  errorCount: number;
  codes: ReadonlyMap<string, string>;
}

/** Reads a report; undefined when it has another shape. */
export function readMeterReport(event: unknown): MeterRefusals | undefined {
  const report = MeterReport.safeParse(event);
  if (!report.success) return undefined;
  const { error_count: errorCount, error_types: types } = report.data.data.reason;
  const named = types.flatMap(({ code, sample_errors: samples }) =>
    samples.map(({ request }) => [request.identifier, code] as const),
  );
  return { errorCount, codes: new Map(named) };
}
