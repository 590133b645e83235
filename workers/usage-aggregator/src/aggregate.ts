import { describeError } from "@prego/core/log";
import { commitGroup } from "./commit-group.ts";
import { findStopReason, noteUnread, type RunContext, takeBytes } from "./context.ts";
import { countValues } from "./domain/plan-values.ts";
import { GROUP_OBJECTS_MAX, GROUP_ROWS_MAX, GROUP_VALUES_MAX, OBJECT_BYTES_MAX, READS_AT_ONCE } from "./limits.ts";
import { type PendingObject, QUEUE_START, type SummedObject } from "./plan.ts";
import { quarantineObject } from "./quarantine.ts";
import { readObject } from "./read-object.ts";
import type { StopReason } from "./report.ts";

/** Takes waiting objects, those that failed least and were stored first, until none is left or the run must stop. */
export async function aggregatePending(context: RunContext): Promise<void> {
  const group = createGroup(context);
  const stopped = await readPending(context, group.add);
  await group.flush();
  context.report.stopped_early = stopped ?? null;
}

async function readPending(
  context: RunContext,
  add: (object: SummedObject) => Promise<void>,
): Promise<StopReason | undefined> {
  let after = QUEUE_START;
  // Every turn takes a D1 statement, of which a run has a bounded number.
  for (;;) {
    const page = await context.deps.objects.findPending(after);
    const last = page.at(-1);
    if (last === undefined) return undefined;
    for (let start = 0; start < page.length;) {
      const stop = findStopReason(context);
      if (stop !== undefined) return stop;
      const wave = takeWave(context, page.slice(start, start + READS_AT_ONCE));
      if (wave.length === 0) return "bytes";
      const objects = await Promise.all(wave.map((object) => readOrNote(context, object)));
      for (const object of objects) {
        if (object !== undefined) await add(object);
      }
      start += wave.length;
    }
    after = last;
    const stop = findStopReason(context);
    if (stop !== undefined) return stop;
  }
}

function takeWave(context: RunContext, objects: readonly PendingObject[]): PendingObject[] {
  // A larger object is put aside unread.
  const refused = objects.findIndex(({ bytes }) => bytes <= OBJECT_BYTES_MAX && !takeBytes(context, bytes));
  return objects.slice(0, refused === -1 ? objects.length : refused);
}

async function readOrNote(context: RunContext, object: PendingObject): Promise<SummedObject | undefined> {
  const { deps } = context;
  try {
    const outcome = await readObject(deps.raw, object, context.uniqueMeters);
    context.unreadInARow = 0;
    if (outcome.kind === "summed") return outcome.object;
    await quarantineObject(context, object, outcome.reason);
  } catch (error) {
    deps.log("warn", "object.failed", { seq: object.seq, error: describeError(error) });
    noteUnread(context, "object_unread", object.seq);
  }
  return undefined;
}

/** Gathers read objects and commits them together, early enough that their sums stay small in memory. */
function createGroup(context: RunContext): {
  add: (object: SummedObject) => Promise<void>;
  flush: () => Promise<void>;
} {
  let objects: SummedObject[] = [];
  let rows = 0;
  let values = 0;
  const flush = async (): Promise<void> => {
    const group = objects;
    objects = [];
    rows = 0;
    values = 0;
    if (group.length > 0) await commitGroup(context, group);
  };
  const add = async (object: SummedObject): Promise<void> => {
    const added = countValues(object.values);
    if (rows + object.byMeter.size > GROUP_ROWS_MAX || values + added > GROUP_VALUES_MAX) await flush();
    objects.push(object);
    rows += object.byMeter.size;
    values += added;
    if (objects.length >= GROUP_OBJECTS_MAX) await flush();
  };
  return { add, flush };
}
