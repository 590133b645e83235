import { createAuditEntry } from "@prego/core/audit";
import type { Runtime } from "@prego/core/http";
import { newId } from "@prego/core/id";
import { type JobOutcome, type JobTrigger, runUnderLease } from "@prego/core/job-run";
import { createLogger } from "@prego/core/log";
import { createJobLeases, openDatabase } from "@prego/core/store";
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
  const { now, randomBytes, write } = runtime;
  const runId = newId("run", now(), randomBytes(10));
  const triggered = { actor, action: "job.triggered", target: "job/autoscaler", detail: { run_id: runId } };
  return runUnderLease(
    {
      job: "autoscaler",
      runId,
      trigger,
      actor,
      dueAtMs,
      leases: createJobLeases(openDatabase(env.DB)),
      now,
      log: createLogger("autoscaler", write, now),
      audit:
        trigger === "operator" ? [await createAuditEntry(triggered, { nowMs: now(), salt: randomBytes(32) })] : [],
    },
    (run) => runScaling(createDeps(env, runtime), run),
  );
}
