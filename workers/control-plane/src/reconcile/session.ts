import type { JobRun } from "@prego/core/job-run";
import type { Deps } from "../deps.ts";
import { RECONCILE_CALLS_PER_RUN_MAX, RECONCILE_CHANGES_PER_RUN_MAX } from "../limits.ts";
import type { ReconcileReport } from "./report.ts";
import type { StripeLists } from "./stripe-lists.ts";

/** One run's tools, its bounds and its report. */
export interface ReconcileSession {
  deps: Deps;
  stripe: StripeLists;
  /** Actor of the audit rows of what it changes. */
  actor: string;
  /** False for a dry run, which decides the same and writes nothing. */
  writes: boolean;
  report: ReconcileReport;
  /** Subscriptions that this run has seen in Stripe's list. */
  seen: Set<string>;
  /** Counts a call to Stripe. False when none is left: stop. */
  mayAsk: () => boolean;
  /** Counts a change. False when none is left: stop. */
  mayChange: () => boolean;
}

export function openSession(
  deps: Deps,
  parts: Pick<ReconcileSession, "stripe" | "writes" | "report"> & Pick<JobRun, "actor" | "deadlineMs">,
): ReconcileSession {
  const { deadlineMs, ...rest } = parts;
  let calls = RECONCILE_CALLS_PER_RUN_MAX;
  let changes = RECONCILE_CHANGES_PER_RUN_MAX;
  const hasTime = (): boolean => deps.now() < deadlineMs;
  return {
    deps,
    ...rest,
    seen: new Set(),
    mayAsk: () => hasTime() && (calls -= 1) >= 0,
    mayChange: () => hasTime() && (changes -= 1) >= 0,
  };
}

/** The run has used up what it may do; the next one carries on from the stored pass. */
export class BoundReached extends Error {}

export function requireAsk({ mayAsk }: ReconcileSession): void {
  if (!mayAsk()) throw new BoundReached("calls or time used up");
}

export function requireChange({ mayChange, writes }: ReconcileSession): void {
  if (writes && !mayChange()) throw new BoundReached("changes or time used up");
}
