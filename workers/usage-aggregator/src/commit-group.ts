import { classifyD1Error } from "@prego/core/d1-error";
import { describeError } from "@prego/core/log";
import { findStopReason, noteFailure, type RunContext } from "./context.ts";
import { PLANS_PER_GROUP_MAX } from "./limits.ts";
import { type GroupPlan, overflowsRollups, planGroup, type SummedObject } from "./plan.ts";
import { quarantineObject } from "./quarantine.ts";

/** Commits a group of objects, and finishes no object but in full. A storage error leaves them waiting. */
export async function commitGroup(context: RunContext, objects: readonly SummedObject[]): Promise<void> {
  let waiting = objects;
  try {
    for (let attempt = 1; waiting.length > 0 && attempt <= PLANS_PER_GROUP_MAX; attempt += 1) {
      const outcome = await tryCommit(context, waiting);
      if (outcome === "committed") return;
      if (outcome === "unfit") return await commitEach(context, waiting);
      waiting = await findStillWaiting(context, waiting);
    }
    // Whoever comes first every time is making progress; these are planned again by the next run.
    if (waiting.length > 0) noteFailure(context, "contended", seqsOf(waiting));
  } catch (error) {
    context.deps.log("warn", "group.failed", { objects: waiting.length, error: describeError(error) });
    noteFailure(context, `d1_${classifyD1Error(error)}`, seqsOf(waiting));
  }
}

const seqsOf = (objects: readonly SummedObject[]): number[] => objects.map(({ seq }) => seq);

type CommitOutcome = "committed" | "overtaken" | "unfit";

async function tryCommit(context: RunContext, objects: readonly SummedObject[]): Promise<CommitOutcome> {
  const { rollups, now } = context.deps;
  const late = await rollups.findLate(objects);
  const plan = planGroup(objects, late);
  if (plan === undefined) return "unfit";
  try {
    await rollups.commitGroup(plan, now());
  } catch (error) {
    switch (classifyD1Error(error)) {
      case "guard":
        return "overtaken";
      case "constraint":
      case "permanent":
        if (objects.length > 1 || (await overflows(context, plan))) return "unfit";
        throw error;
      default:
        throw error;
    }
  }
  countDone(context, plan, objects);
  return "committed";
}

const overflows = async ({ deps }: RunContext, plan: GroupPlan): Promise<boolean> =>
  overflowsRollups(plan, await deps.rollups.findStoredSums(plan));

/** One object must not hold up the others: each is committed by itself, and one alone that does not fit is put aside. */
async function commitEach(context: RunContext, objects: readonly SummedObject[]): Promise<void> {
  const [only, ...others] = objects;
  if (only !== undefined && others.length === 0) return quarantineObject(context, only, "quantity overflow");
  for (const object of objects) {
    if (findStopReason(context) !== undefined) return;
    await commitGroup(context, [object]);
  }
}

async function findStillWaiting(
  { deps, report }: RunContext,
  objects: readonly SummedObject[],
): Promise<SummedObject[]> {
  const pending = await deps.objects.findStillPending(seqsOf(objects));
  const waiting = objects.filter(({ seq }) => pending.has(seq));
  report.already_done += objects.length - waiting.length;
  return waiting;
}

function countDone(context: RunContext, plan: GroupPlan, objects: readonly SummedObject[]): void {
  const { report } = context;
  context.failuresInARow = 0;
  report.done += plan.seqs.length;
  report.rollup_rows += plan.rollups.length;
  report.adjustment_rows += plan.adjustments.length;
  for (const { events } of plan.adjustments) report.late_events += events;
  for (const object of objects) {
    report.events += object.events;
    report.events_without_value += object.values.eventsWithout;
  }
}
