import type { ChangeSet } from "./change-set.ts";
import { change, planJobFailure } from "./provision.ts";
import { isHeld, type JobRow } from "./rows.ts";
import { JOB_DISPATCHES_MAX } from "../limits.ts";

/** What becomes of a job that nobody claimed in time, or whose run has fallen silent. */
export function planOverdueJob(job: JobRow, { actor, nowMs }: { actor: string; nowMs: number }): ChangeSet {
  if (isHeld(job)) {
    const error = "The run has fallen silent.";
    return planJobFailure(job, { failureStage: job.stage ?? "claimed", error, actor, nowMs });
  }
  if (job.attempts >= JOB_DISPATCHES_MAX) {
    const error = `No run claimed the job after ${job.attempts} dispatches.`;
    return planJobFailure(job, { failureStage: "claim", error, actor, nowMs });
  }
  const record = { eventType: "provision.redispatched", actor, detail: { attempts: job.attempts } };
  return change(job, { status: "queued" }, { ...record, dispatch: "again" }).changes;
}
