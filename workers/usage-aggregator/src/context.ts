import type { JobRun } from "@prego/core/job-run";
import type { Deps } from "./deps.ts";
import { FAILURES_IN_A_ROW_MAX, RUN_BYTES_MAX, RUN_STATEMENTS_MAX } from "./limits.ts";
import { type AggregationReport, countFailure, emptyReport, type StopReason } from "./report.ts";

/** Name of the job in leases, runs and actors. */
export const JOB = "usage-aggregator";

/** One run: what it works with, what it has used up, and what it reports. */
export interface RunContext {
  deps: Deps;
  run: JobRun;
  report: AggregationReport;
  uniqueMeters: ReadonlySet<string>;
  bytesRead: number;
  failuresInARow: number;
}

export const createContext = (deps: Deps, run: JobRun): RunContext => ({
  deps,
  run,
  report: emptyReport(),
  uniqueMeters: new Set(),
  bytesRead: 0,
  failuresInARow: 0,
});

/** Why no new work may be taken, if so. */
export function findStopReason({ deps, run, failuresInARow }: RunContext): StopReason | undefined {
  if (deps.now() >= run.deadlineMs) return "deadline";
  if (deps.statements() >= RUN_STATEMENTS_MAX) return "statements";
  return failuresInARow >= FAILURES_IN_A_ROW_MAX ? "failures" : undefined;
}

/** Whether this many bytes may still be read. The first object is always taken: it might be larger than any run's share. */
export function takeBytes(context: RunContext, bytes: number): boolean {
  if (context.bytesRead > 0 && context.bytesRead + bytes > RUN_BYTES_MAX) return false;
  context.bytesRead += bytes;
  return true;
}

export function noteFailure(context: RunContext, kind: string, objects: number): void {
  countFailure(context.report, kind, objects);
  context.failuresInARow += 1;
}
