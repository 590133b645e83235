import { isGuardFailure } from "@prego/core/d1-error";
import { commit } from "@prego/core/store";
import type { Deps } from "../deps.ts";
import { planOverdueJob } from "../domain/overdue-job.ts";
import { changeSetStatements } from "../store/change-set.ts";
import { listOverdueJobs } from "../store/provision-jobs.ts";

/** Dispatches unclaimed jobs again, and fails those that had their chances or whose run has fallen silent. */
export async function chaseOverdueJobs(deps: Deps, nowMs: number): Promise<{ redispatched: number; failed: number }> {
  const report = { redispatched: 0, failed: 0 };
  for (const job of await listOverdueJobs(deps.db, nowMs)) {
    const changes = planOverdueJob(job, { actor: "cron:overdue", nowMs });
    try {
      await commit(deps.db, await changeSetStatements(deps, changes, nowMs));
    } catch (error) {
      if (isGuardFailure(error)) continue;
      throw error;
    }
    const hasFailed = changes.jobs.some((change) => change.kind === "update" && change.set.status === "failed");
    report[hasFailed ? "failed" : "redispatched"] += 1;
    if (hasFailed) deps.log("error", "provision.failed", { job_id: job.jobId, tenant_id: job.tenantId });
  }
  return report;
}
