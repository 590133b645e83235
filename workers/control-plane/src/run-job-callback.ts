import { jobToken } from "@prego/core/auth";
import { isConstraintFailure, isGuardFailure } from "@prego/core/d1-error";
import { ProblemError } from "@prego/core/problem";
import { commit } from "@prego/core/store";
import type { Deps } from "./deps.ts";
import { planClaim, type JobEnding, type JobPlan } from "./domain/provision.ts";
import type { JobRow } from "./domain/rows.ts";
import { PLAN_ATTEMPTS_MAX } from "./limits.ts";
import { changeSetStatements } from "./store/change-set.ts";
import { listNodeRoom } from "./store/nodes.ts";
import { findJob, listOpenJobs } from "./store/provision-jobs.ts";
import { findTenant } from "./store/tenants.ts";

/** Answer to a claim: the token for this job's callbacks and what there is to do. */
export interface ClaimAnswer {
  job_token: string;
  job: {
    job_id: string;
    kind: JobRow["kind"];
    tenant_id: string;
    region: string;
    node_id: string | null;
    trace_id: string | null;
  };
}

/** Gives the job to the first run that asks; the same run gets its token again when the answer was lost. */
export async function claimJob(deps: Deps, jobId: string, runId: string): Promise<ClaimAnswer> {
  const job = await changeJob(deps, jobId, async (before) =>
    planClaim(before, { runId, actor: `provisioner:${runId}`, nowMs: deps.now() }),
  );
  return {
    job_token: await jobToken(deps.settings.provisionerSecret.current ?? "", jobId, runId),
    job: {
      job_id: job.jobId,
      kind: job.kind,
      tenant_id: job.tenantId,
      region: job.region,
      node_id: job.nodeId,
      trace_id: job.traceId,
    },
  };
}

/** Applies a callback of the run that holds the job; a repeat changes nothing. */
export async function reportOnJob(
  deps: Deps,
  { jobId, actor }: { jobId: string; actor: string },
  plan: (ending: JobEnding) => JobPlan,
): Promise<{ job_id: string; status: JobRow["status"] }> {
  const job = await changeJob(deps, jobId, async (before) => plan(await readEnding(deps, before, actor)));
  return { job_id: job.jobId, status: job.status };
}

async function changeJob(deps: Deps, jobId: string, plan: (job: JobRow) => Promise<JobPlan>): Promise<JobRow> {
  for (let attempt = 0; attempt < PLAN_ATTEMPTS_MAX; attempt += 1) {
    const job = await findJob(deps.db, jobId);
    if (job === undefined) throw new ProblemError("not_found");
    const planned = await plan(job);
    if (planned.kind === "done") return job;
    if (planned.kind === "conflict") throw new ProblemError("conflict", { detail: planned.reason });
    try {
      await commit(deps.db, await changeSetStatements(deps, planned.changes, deps.now()));
      return (await findJob(deps.db, jobId)) ?? job;
    } catch (error) {
      if (!isGuardFailure(error) && !isConstraintFailure(error)) throw error;
      deps.log("info", "provision.replanned", { job_id: jobId });
    }
  }
  throw new ProblemError("conflict", { detail: "The job or its tenant kept changing; send the callback again." });
}

async function readEnding(deps: Deps, job: JobRow, actor: string): Promise<JobEnding> {
  const [tenant, openJobs, nodes] = await Promise.all([
    findTenant(deps.db, job.tenantId),
    listOpenJobs(deps.db, job.tenantId),
    listNodeRoom(deps.db, job.region),
  ]);
  if (tenant === undefined) throw new ProblemError("conflict", { detail: "The tenant is gone." });
  const newJobIds = { provision: deps.newId("job"), deprovision: deps.newId("job") };
  return { job, tenant, openJobs, nodes, newJobIds, actor, nowMs: deps.now() };
}
