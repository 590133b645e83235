import { describeError } from "@prego/core/log";
import type { JobRun } from "@prego/core/job-run";
import { aggregatePending } from "./aggregate.ts";
import { createContext, noteFailure, type RunContext } from "./context.ts";
import type { Deps } from "./deps.ts";
import { reconcileObjects } from "./reconcile.ts";
import type { AggregationReport } from "./report.ts";

/**
 * Rolls up everything that waits, then does its share of comparing R2 with the rows; what that adopts is the next run's work.
 * Safe without its lease.
 */
export async function runAggregation(deps: Deps, run: JobRun): Promise<AggregationReport> {
  const context = createContext(deps, run);
  await attempt(context, "queue", async () => {
    context.uniqueMeters = await deps.rollups.findUniqueMeters();
    await aggregatePending(context);
  });
  if (context.failedSeqs.size > 0) {
    await attempt(context, "failed", () => deps.objects.noteFailed([...context.failedSeqs]));
  }
  await attempt(context, "reconcile", () => reconcileObjects(context));
  await attempt(context, "backlog", async () => {
    const { pending, quarantined } = await deps.objects.countBacklog();
    context.report.remaining = pending;
    context.report.quarantined_total = quarantined;
  });
  context.report.statements = deps.statements();
  return context.report;
}

/** Each part begins without the failures of those before it: what one could not do holds up no other. */
async function attempt(context: RunContext, part: string, work: () => Promise<void>): Promise<void> {
  context.failuresInARow = 0;
  context.unreadInARow = 0;
  try {
    await work();
  } catch (error) {
    context.deps.log("warn", "part.failed", { part, error: describeError(error) });
    noteFailure(context, part);
  }
}
