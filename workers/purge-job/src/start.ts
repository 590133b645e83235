import type { Runtime } from "@prego/core/http";
import { runUnderLease, type JobOutcome, type JobTrigger } from "@prego/core/job-run";
import { createDeps } from "./deps.ts";
import type { Env } from "./env.ts";
import type { PurgeReport } from "./report.ts";
import { runPurge } from "./run.ts";
import { openLeases } from "./store/leases.ts";

/** Runs the job under its lease. A manual run leaves an audit row of who started it. */
export async function startPurgeJob(
  env: Env,
  runtime: Runtime,
  trigger: { trigger: JobTrigger; dueAtMs: number; actor: string },
): Promise<JobOutcome<PurgeReport>> {
  const deps = createDeps(env, runtime);
  const runId = deps.newId("run");
  const audit =
    trigger.trigger === "operator"
      ? [await deps.audit({ actor: trigger.actor, action: "job.triggered", target: `job_runs/${runId}` })]
      : [];
  return runUnderLease(
    { job: "purge-job", runId, ...trigger, leases: openLeases(deps.storage), now: deps.now, log: deps.log, audit },
    (run) => runPurge(deps, run),
  );
}
