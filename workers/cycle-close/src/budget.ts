import { D1_QUERIES_PER_INVOCATION_MAX } from "@prego/core/limits";
import type { JobRun } from "@prego/core/job-run";
import type { Deps } from "./deps.ts";
import { QUERIES_RESERVED, STRIPE_CALLS_PER_RUN_MAX } from "./limits.ts";

/** Says whether a run may take another piece of work. */
export interface Budget {
  /** True while time, queries and calls are left, and once in any case: a run that comes too late still moves on. */
  take: () => boolean;
  isExhausted: () => boolean;
}

/** @param queriesLeft D1 queries that this work leaves to the work after it. */
export function createBudget(
  deps: Pick<Deps, "now" | "queries" | "stripeCalls">,
  run: JobRun,
  queriesLeft = 0,
): Budget {
  let taken = 0;
  const queriesMax = D1_QUERIES_PER_INVOCATION_MAX - QUERIES_RESERVED - queriesLeft;
  const isExhausted = (): boolean =>
    deps.now() >= run.deadlineMs || deps.queries() >= queriesMax || deps.stripeCalls() >= STRIPE_CALLS_PER_RUN_MAX;
  return {
    isExhausted,
    take: () => {
      if (taken > 0 && isExhausted()) return false;
      taken += 1;
      return true;
    },
  };
}
