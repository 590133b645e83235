import { D1_QUERIES_PER_INVOCATION_MAX } from "@prego/core/limits";
import type { JobRun } from "@prego/core/job-run";
import type { Deps } from "./deps.ts";
import { QUERIES_RESERVED } from "./limits.ts";

/** Says whether a run may take another piece of work. */
export interface Budget {
  /** True while time and queries are left, and once in any case: a run that comes too late still moves on. */
  take: () => boolean;
  isExhausted: () => boolean;
}

export function createBudget(deps: Pick<Deps, "now" | "queries">, run: JobRun): Budget {
  let taken = 0;
  const isExhausted = (): boolean =>
    deps.now() >= run.deadlineMs || deps.queries() >= D1_QUERIES_PER_INVOCATION_MAX - QUERIES_RESERVED;
  return {
    isExhausted,
    take: () => {
      if (taken > 0 && isExhausted()) return false;
      taken += 1;
      return true;
    },
  };
}
