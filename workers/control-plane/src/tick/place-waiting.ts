import { isConstraintFailure, isGuardFailure } from "@prego/core/d1-error";
import { commit } from "@prego/core/store";
import type { Deps } from "../deps.ts";
import { planWaitingJob } from "../domain/waiting-job.ts";
import { changeSetStatements } from "../store/change-set.ts";
import { listNodeRoom } from "../store/nodes.ts";
import { listWaitingJobs } from "../store/provision-jobs.ts";
import { findTenant } from "../store/tenants.ts";

/** Places jobs that wait for capacity, oldest first. Whoever takes the last slot meanwhile wins; the job waits on. */
export async function placeWaitingJobs(deps: Deps, nowMs: number): Promise<{ placed: number; waiting: number }> {
  const report = { placed: 0, waiting: 0 };
  for (const job of await listWaitingJobs(deps.db)) {
    const tenant = await findTenant(deps.db, job.tenantId);
    const nodes = await listNodeRoom(deps.db, job.region);
    const changes = tenant === undefined ? undefined : planWaitingJob({ job, tenant, nodes }, "cron:placement");
    if (changes === undefined) {
      report.waiting += 1;
      continue;
    }
    try {
      await commit(deps.db, await changeSetStatements(deps, changes, nowMs));
      report.placed += 1;
    } catch (error) {
      if (!isGuardFailure(error) && !isConstraintFailure(error)) throw error;
      report.waiting += 1;
    }
  }
  return report;
}
