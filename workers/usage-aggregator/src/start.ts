import type { Runtime } from "@prego/core/http";
import { type JobOutcome, type JobTrigger, runUnderLease } from "@prego/core/job-run";
import { createDeps } from "./deps.ts";
import type { Env } from "./env.ts";
import type { AggregationReport } from "./report.ts";
import { JOB } from "./context.ts";
import { runAggregation } from "./run.ts";

export interface AggregationStart {
  trigger: JobTrigger;
  actor: string;
  dueAtMs: number;
}

/** Rolls up what is pending, under the job's lease. */
export async function startAggregation(
  env: Env,
  runtime: Runtime,
  { trigger, actor, dueAtMs }: AggregationStart,
): Promise<JobOutcome<AggregationReport>> {
  const deps = createDeps(env, runtime);
  const runId = deps.newId("run");
  const triggered = { actor, action: "job.triggered", target: `job/${JOB}`, detail: { run_id: runId } };
  return runUnderLease(
    {
      job: JOB,
      runId,
      trigger,
      actor,
      dueAtMs,
      leases: deps.leases,
      now: deps.now,
      log: deps.log,
      audit: trigger === "operator" ? [await deps.audit(triggered)] : [],
    },
    (run) => runAggregation(deps, run),
  );
}
