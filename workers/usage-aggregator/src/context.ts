import type { UniqueMeters } from "./domain/value-reader.ts";
import type { JobRun } from "@prego/core/job-run";
import type { Deps } from "./deps.ts";
import { FAILURES_IN_A_ROW_MAX, RUN_BYTES_MAX, RUN_STATEMENTS_MAX, UNREAD_IN_A_ROW_MAX } from "./limits.ts";
import { type AggregationReport, countFailure, emptyReport, type StopReason } from "./report.ts";

/** Name of the job in leases, runs and actors. */
export const JOB = "usage-aggregator";

/** One run: what it works with, what it has used up, and what it reports. */
export interface RunContext {
  deps: Deps;
  run: JobRun;
  report: AggregationReport;
  /** Meters of which distinct values are counted. */
  uniqueMeters: UniqueMeters;
  bytesRead: number;
  failuresInARow: number;
  unreadInARow: number;
  /** Objects that storage failed, by `seq`: the next run takes them behind the others. */
  failedSeqs: Set<number>;
}

export const createContext = (deps: Deps, run: JobRun): RunContext => ({
  deps,
  run,
  report: emptyReport(),
  uniqueMeters: new Map(),
  bytesRead: 0,
  failuresInARow: 0,
  unreadInARow: 0,
  failedSeqs: new Set(),
});

/** Why no new work may be taken, if so. */
export function findStopReason({ deps, run, failuresInARow, unreadInARow }: RunContext): StopReason | undefined {
  if (deps.now() >= run.deadlineMs) return "deadline";
  if (deps.statements() >= RUN_STATEMENTS_MAX) return "statements";
  return failuresInARow >= FAILURES_IN_A_ROW_MAX || unreadInARow >= UNREAD_IN_A_ROW_MAX ? "failures" : undefined;
}

/** Whether this many bytes may still be read. The first object is always taken: it might be larger than any run's share. */
export function takeBytes(context: RunContext, bytes: number): boolean {
  if (context.bytesRead > 0 && context.bytesRead + bytes > RUN_BYTES_MAX) return false;
  context.bytesRead += bytes;
  return true;
}

/** A part of the run, or a commit, that storage failed. */
export function noteFailure(context: RunContext, kind: string, seqs?: readonly number[]): void {
  countFailure(context.report, kind, seqs?.length ?? 1);
  context.failuresInARow += 1;
  for (const seq of seqs ?? []) context.failedSeqs.add(seq);
}

/** One object, with its `seq` if it has a row, that R2 did not give out. */
export function noteUnread(context: RunContext, kind: string, seq?: number): void {
  countFailure(context.report, kind, 1);
  context.unreadInARow += 1;
  if (seq !== undefined) context.failedSeqs.add(seq);
}
