import { createAuditEntry } from "@prego/core/audit";
import type { Runtime } from "@prego/core/http";
import { newId } from "@prego/core/id";
import { type JobOutcome, type JobTrigger, runUnderLease } from "@prego/core/job-run";
import { createJobLeases } from "@prego/core/store";
import { createDeps } from "./deps.ts";
import { planDryRun } from "./dry-run.ts";
import type { Env } from "./env.ts";
import { type CloseReport, runClose } from "./run.ts";

/** The job's name in leases, runs and actors. */
export const JOB = "cycle-close";

/** What starts a run: a cron with its scheduled time, or an operator. */
export interface CloseRequest {
  trigger: JobTrigger;
  dueAtMs: number;
  actor: string;
}

/** Runs the close of everything that is due, under the lease. */
export async function startClose(env: Env, runtime: Runtime, request: CloseRequest): Promise<JobOutcome<CloseReport>> {
  const deps = createDeps(env, runtime);
  const nowMs = runtime.now();
  const runId = newId("run", nowMs, runtime.randomBytes(10));
  const manual = { actor: request.actor, action: "job.triggered", target: `job_runs/${runId}`, detail: { job: JOB } };
  const audit =
    request.trigger === "operator" ? [await createAuditEntry(manual, { nowMs, salt: runtime.randomBytes(32) })] : [];
  return runUnderLease(
    { job: JOB, runId, ...request, leases: createJobLeases(deps.db), now: runtime.now, log: deps.log, audit },
    (run) => runClose(deps, run),
  );
}

/** What a run would do now, without doing it. */
export const printClose = (env: Env, runtime: Runtime) => planDryRun(createDeps(env, runtime), runtime.now());
