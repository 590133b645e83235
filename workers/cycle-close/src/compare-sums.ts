import type { JobRun } from "@prego/core/job-run";
import { cycleBounds } from "@prego/core/period";
import type { Budget } from "./budget.ts";
import type { Deps } from "./deps.ts";
import { createUsageSink, readFailure, type UsageSink } from "./execute.ts";
import { SUM_DELAY_MS, SUM_REPEAT_MS, SUM_WATCH_MS, SUMS_PER_RUN_MAX } from "./limits.ts";
import { describeDifference, sumSent } from "./plan/sum-check.ts";
import { recordChange } from "./record.ts";
import { type DueSum, listDueSums, listSentValues, postponeSum, recordSum } from "./store/sum-checks.ts";

/** What one run compared. */
export interface SumsReport {
  compared: number;
  /** Of those, sums of which Stripe holds another amount; nothing is corrected. */
  differing: number;
  /** Put off: a call is still to come, Stripe may not have counted the last one, or it did not answer. */
  postponed: number;
}

/**
 * Compares what was sent to billing meters with what Stripe holds, a bounded number of sums a run; the next run carries on.
 * A difference is stored for a person to look at.
 */
export async function compareSums(deps: Deps, run: JobRun, budget: Budget): Promise<SumsReport> {
  const report: SumsReport = { compared: 0, differing: 0, postponed: 0 };
  if (deps.stripe === undefined) return report;
  const sink = createUsageSink(deps.stripe);
  for (const due of await listDueSums(deps.db, deps.now(), SUMS_PER_RUN_MAX)) {
    if (budget.isExhausted()) return report;
    const found = await compareSum(deps, run, { sink, due });
    if (found === "stop") return report;
    if (found === "postponed") report.postponed += 1;
    else report.compared += 1;
    if (found === "differs") report.differing += 1;
  }
  return report;
}

async function compareSum(
  deps: Deps,
  run: JobRun,
  { sink, due }: { sink: UsageSink; due: DueSum },
): Promise<"same" | "differs" | "postponed" | "stop"> {
  const nowMs = deps.now();
  const bounds = cycleBounds(due.cycle);
  const sent = sumSent(await listSentValues(deps.db, due), nowMs - SUM_DELAY_MS);
  if (sent === undefined) {
    await postponeSum(deps.db, due, nowMs + SUM_DELAY_MS);
    return "postponed";
  }
  let difference: string | null;
  try {
    difference = describeDifference(sent, await sink.sumUp({ ...due, ...bounds }));
  } catch (error) {
    const failure = readFailure(error, "meter_event");
    if (failure.kind === "rate_limited" || failure.kind === "unauthorized") return "stop";
    deps.log("warn", "sum.not_compared", { tenant_id: due.tenantId, cycle: due.cycle });
    await postponeSum(deps.db, due, nowMs + SUM_DELAY_MS);
    return "postponed";
  }
  const isWatched = nowMs < bounds.endMs + SUM_WATCH_MS;
  const news = difference === due.difference ? { audit: [], trace: [] } : await recordNews(deps, run, due, difference);
  await recordSum(deps.db, due, { difference, againAtMs: isWatched ? nowMs + SUM_REPEAT_MS : null, ...news });
  return difference === null ? "same" : "differs";
}

async function recordNews(deps: Deps, run: JobRun, due: DueSum, difference: string | null) {
  const { audit, trace } = await recordChange(deps, run.actor, {
    action: difference === null ? "stripe.sum_agrees" : "stripe.sum_differs",
    target: `stripe_usage_outbox/${due.cycle}`,
    tenantId: due.tenantId,
    traceId: due.traceId,
    level: difference === null ? "info" : "error",
    detail: { cycle: due.cycle, event_name: due.eventName, difference, before: due.difference },
  });
  return { audit: [audit], trace: [trace] };
}
