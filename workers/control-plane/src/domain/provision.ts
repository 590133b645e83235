import { formatInstant } from "@prego/core/period";
import { emptyChangeSet, type ChangeSet, type JobChange } from "./change-set.ts";
import type { NodeRoom } from "./placement.ts";
import { isHeld, isUnclaimed, type JobRow, type TenantRow } from "./rows.ts";
import { moveTenant, queueProvision, type NewJobIds, type TenantMoveInput } from "./tenant-move.ts";

/** What a callback does: a change, nothing because it was done before, or nothing because the job does not allow it. */
export type JobPlan = { kind: "change"; changes: ChangeSet } | { kind: "done" } | { kind: "conflict"; reason: string };

/** What the end of a job is decided on. */
export interface JobEnding {
  job: JobRow;
  tenant: TenantRow;
  /** Unfinished jobs of the tenant; this one may be among them. */
  openJobs: readonly JobRow[];
  nodes: readonly NodeRoom[];
  newJobIds: NewJobIds;
  actor: string;
  nowMs: number;
}

/** Gives a job to the first run that asks; `done` for the run that has it already and lost the answer. */
export function planClaim(job: JobRow, claim: { runId: string; actor: string; nowMs: number }): JobPlan {
  if (isHeld(job) && job.runId === claim.runId) return { kind: "done" };
  if (job.status === "queued_capacity") return { kind: "conflict", reason: "The job waits for capacity." };
  if (!isUnclaimed(job)) return { kind: "conflict", reason: "Another run has the job, or it is finished." };
  const set = { status: "claimed", runId: claim.runId, claimedAt: formatInstant(claim.nowMs) } as const;
  return change(job, set, { eventType: "provision.claimed", actor: claim.actor, detail: { run_id: claim.runId } });
}

/** Moves a held job to its next stage. */
export function planProgress(job: JobRow, progress: { stage: string; actor: string }): JobPlan {
  if (job.status === "cancelled") return { kind: "conflict", reason: "The job was called off." };
  if (!isHeld(job) || (job.status === "running" && job.stage === progress.stage)) return { kind: "done" };
  const set = { status: "running", stage: progress.stage } as const;
  return change(job, set, { eventType: "provision.stage", actor: progress.actor, detail: { stage: progress.stage } });
}

/** Ends a job well: the tenant is where its newest subscription state says, with or without its place. */
export function planCompletion(
  ending: JobEnding,
  result: { readiness: Readonly<Record<string, unknown>>; nodeId: string | undefined },
): JobPlan {
  const { job, actor, nowMs } = ending;
  if (job.status === "succeeded") return { kind: "done" };
  if (!isHeld(job)) return { kind: "conflict", reason: "The job has ended otherwise." };
  const nodeId = result.nodeId ?? job.nodeId;
  const isProvision = job.kind === "provision";
  const plan = change(
    job,
    { status: "succeeded", nodeId, readinessJson: JSON.stringify(result.readiness), finishedAt: formatInstant(nowMs) },
    { eventType: "provision.completed", actor, detail: { node_id: nodeId, readiness: result.readiness } },
  );
  if (isProvision && result.nodeId !== undefined && result.nodeId !== job.nodeId) {
    plan.changes.preconditions.push({ kind: "node_exists", nodeId: result.nodeId });
  }
  const set = isProvision ? { provisionedAt: formatInstant(nowMs), nodeId } : { provisionedAt: null, nodeId: null };
  return withTenant(plan, ending, set);
}

/** Ends a job badly. The tenant stays as it is, except that what came back while it was being removed is made anew. */
export function planFailure(ending: JobEnding, failure: { failureStage: string; error: string }): JobPlan {
  const { job, tenant, actor, nowMs } = ending;
  if (job.status === "failed") return { kind: "done" };
  if (!isHeld(job)) return { kind: "conflict", reason: "The job has ended otherwise." };
  const changes = planJobFailure(job, { ...failure, actor, nowMs });
  const isWantedAgain = job.kind === "deprovision" && tenant.status === "Provisioning";
  return isWantedAgain ? withTenant({ kind: "change", changes }, ending, {}) : { kind: "change", changes };
}

/** A job that failed, by its run or because none took it: for a person to look at. */
export function planJobFailure(
  job: JobRow,
  failure: { failureStage: string; error: string; actor: string; nowMs: number },
): ChangeSet {
  const { failureStage, error, actor, nowMs } = failure;
  const detail = { failure_stage: failureStage };
  const { changes } = change(
    job,
    { status: "failed", failureStage, error, finishedAt: formatInstant(nowMs) },
    { eventType: "provision.failed", actor, detail, level: "error" },
  );
  if (job.kind === "provision") {
    changes.funnel.push({
      eventType: "m_provision_failed",
      source: "cp",
      traceId: job.traceId,
      tenantId: job.tenantId,
      jobId: job.jobId,
      success: false,
      payload: detail,
    });
  }
  return changes;
}

function withTenant(plan: JobPlan & { kind: "change" }, ending: JobEnding, set: Partial<TenantRow>): JobPlan {
  const { job, tenant, nodes, newJobIds, actor, nowMs } = ending;
  const openJobs = ending.openJobs.filter(({ jobId }) => jobId !== job.jobId);
  const event = job.kind === "provision" ? "provisioned" : undefined;
  const input: TenantMoveInput = { tenant, event, set, openJobs, nodes, newJobIds, actor, nowMs };
  const move = moveTenant(input);
  if (move.kind === "refused") return { kind: "conflict", reason: "The tenant's state does not allow this." };
  const isWantedAgain = job.kind === "deprovision" && tenant.status === "Provisioning";
  if (isWantedAgain && openJobs.every(({ kind }) => kind !== "provision")) queueProvision(input, move);
  const { changes } = plan;
  changes.tenant = { kind: "update", before: tenant, set: move.set };
  changes.preconditions.push(...move.preconditions);
  changes.jobs.push(...move.jobs);
  changes.trace.push(...move.trace);
  changes.audit.push(...move.audit);
  changes.funnel.push(...move.funnel);
  return plan;
}

interface JobRecord {
  eventType: string;
  actor: string;
  detail: Record<string, unknown>;
  level?: "info" | "error";
}

/** A change of a job's row with its trace event and audit row. */
export function change(
  job: JobRow,
  set: Partial<JobRow>,
  record: JobRecord & { dispatch?: "first" | "again" },
): JobPlan & { kind: "change" } {
  const { eventType, actor, level = "info", dispatch } = record;
  const detail = { kind: job.kind, ...record.detail };
  const about = { traceId: job.traceId, tenantId: job.tenantId };
  const changes = emptyChangeSet();
  const update: JobChange = { kind: "update", before: job, set, ...(dispatch === undefined ? {} : { dispatch }) };
  changes.jobs.push(update);
  changes.trace.push({ ...about, jobId: job.jobId, eventType, level, payload: detail });
  changes.audit.push({ ...about, actor, action: eventType, target: `provision_jobs/${job.jobId}`, detail });
  return { kind: "change", changes };
}
