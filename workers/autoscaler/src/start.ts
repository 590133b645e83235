import type { Runtime } from "@prego/core/http";
import { type JobOutcome, type JobTrigger, runUnderLease } from "@prego/core/job-run";
import { createDeps } from "./deps.ts";
import type { Env } from "./env.ts";
import { runScaling, type ScalingReport } from "./run.ts";

export interface ScalingStart {
  trigger: JobTrigger;
  actor: string;
  /** The evaluation is that of the 10-minute window which this instant is in. */
  dueAtMs: number;
}

/** Evaluates every region under the job's lease. */
export async function startScaling(
  env: Env,
  runtime: Runtime,
  { trigger, actor, dueAtMs }: ScalingStart,
): Promise<JobOutcome<ScalingReport>> {
  const deps = createDeps(env, runtime);
  const runId = deps.newId("run");
  const triggered = { actor, action: "job.triggered", target: "job/autoscaler", detail: { run_id: runId } };
  return runUnderLease(
    {
      job: "autoscaler",
      runId,
      trigger,
      actor,
      dueAtMs,
      leases: deps.leases,
      now: deps.now,
      log: deps.log,
      audit: trigger === "operator" ? [await deps.audit(triggered)] : [],
    },
    (run) => runScaling(deps, run),
  );
}
