import type { JobRun } from "@prego/core/job-run";
import { describeError } from "@prego/core/log";
import type { Budget } from "./budget.ts";
import type { Deps, StripeClient } from "./deps.ts";
import { METER_REPORT_WATCH_MS, METER_REPORTS_PER_RUN_MAX } from "./limits.ts";
import { type MeterRefusals, readMeterReport } from "./plan/meter-report.ts";
import { recordChange } from "./record.ts";
import { findSentRows, listUnreadReports, saveReportsThrough } from "./store/meter-reports.ts";
import { rejectSentRow } from "./store/rejected-rows.ts";

/**
 * Reads Stripe's late reports about meter events that were sent, and rejects the rows they name. A report that cannot be
 * read now, or not to its end, is read by the next run; one that names nothing of ours is passed over.
 * @returns the number of rows rejected.
 */
export async function readMeterReports(deps: Deps, run: JobRun, budget: Budget): Promise<number> {
  if (deps.stripe === undefined) return 0;
  const sinceMs = deps.now() - METER_REPORT_WATCH_MS;
  let rejected = 0;
  for (const event of await listUnreadReports(deps.db, { sinceMs, limit: METER_REPORTS_PER_RUN_MAX })) {
    if (budget.isExhausted()) break;
    const refusals = await fetchReport(deps, deps.stripe, event.eventId);
    if (refusals === "later") break;
    const done = refusals === undefined ? NOTHING : await rejectRows(deps, run, { refusals, budget });
    rejected += done.rejected;
    if (done.isCut) break;
    await saveReportsThrough(deps.db, event);
  }
  return rejected;
}

interface Rejections {
  rejected: number;
  /** Whether the budget ended first; the rows that are done are no longer found by the next run. */
  isCut: boolean;
}

const NOTHING: Rejections = { rejected: 0, isCut: false };

async function fetchReport(
  deps: Deps,
  stripe: StripeClient,
  eventId: string,
): Promise<MeterRefusals | undefined | "later"> {
  try {
    return readMeterReport(await stripe.v2.core.events.retrieve(eventId));
  } catch (error) {
    const status = (error as { statusCode?: number }).statusCode;
    deps.log("warn", "meter_report.not_read", { event_id: eventId, error: describeError(error) });
    return status === 404 ? undefined : "later";
  }
}

async function rejectRows(
  deps: Deps,
  run: JobRun,
  { refusals: { errorCount, codes }, budget }: { refusals: MeterRefusals; budget: Budget },
): Promise<Rejections> {
  const rows = await findSentRows(deps.db, [...codes.keys()]);
  deps.log("error", "meter_report.read", { errors: errorCount, named: codes.size, rows: rows.length });
  let rejected = 0;
  for (const row of rows) {
    if (budget.isExhausted()) return { rejected, isCut: true };
    const reason = `${codes.get(row.sentAs) ?? "unknown"}: reported by Stripe after it was taken`;
    const { audit, trace } = await recordChange(deps, run.actor, {
      action: "stripe.usage_rejected",
      target: `stripe_usage_outbox/${row.identifier}`,
      tenantId: row.tenantId,
      traceId: row.traceId,
      level: "error",
      detail: { meter_key: row.meterKey, cycle: row.cycle, corrected_cycle: row.correctedCycle, error: reason },
    });
    const record = { nowMs: deps.now(), audit: [audit], trace: [trace] };
    if (await rejectSentRow(deps.db, { identifier: row.identifier, reason }, record)) rejected += 1;
  }
  return { rejected, isCut: false };
}
