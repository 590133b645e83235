import type { AuditChange } from "@prego/core/audit";
import { PURGE_DELAY_MS } from "@prego/core/limits";
import { formatInstant } from "@prego/core/period";
import {
  eventForSubscription,
  transitionTenant,
  type TenantEvent,
  type TenantState,
  type TenantTransition,
} from "@prego/core/tenant-state";
import type { FunnelDraft, JobChange, Precondition, TraceDraft } from "./change-set.ts";
import { placeTenant, type NodeRoom, type Placement } from "./placement.ts";
import { isHeld, isUnclaimed, type JobKind, type JobRow, type TenantRow } from "./rows.ts";

/** What a move of a tenant is decided on. */
export interface TenantMoveInput {
  tenant: TenantRow;
  /** Undefined for news that leave the state as it is. */
  event: TenantEvent | undefined;
  /** Columns that change with the event, before the state is worked out. */
  set: Partial<TenantRow>;
  /** Unfinished jobs of the tenant. */
  openJobs: readonly JobRow[];
  /** Active nodes of the tenant's region. */
  nodes: readonly NodeRoom[];
  newJobIds: NewJobIds;
  actor: string;
  nowMs: number;
}

/** Ids for the jobs that a decision may queue; unused ones are dropped. */
export type NewJobIds = Readonly<Record<JobKind, string>>;

/** The columns and jobs that follow from an event, or why it is not possible. */
export type TenantMove = { kind: "refused"; reason: string } | Moved;

export interface Moved {
  kind: "moved";
  to: TenantState;
  set: Partial<TenantRow>;
  jobs: JobChange[];
  preconditions: Precondition[];
  trace: TraceDraft[];
  audit: AuditChange[];
  funnel: FunnelDraft[];
}

const STAY: TenantTransition = { kind: "stay" };

/**
 * The one place where a tenant's state, its deletion deadline and its jobs change together. The state follows from
 * whether the tenant is provisioned and from the newest known subscription, never from the order of events.
 */
export function moveTenant(input: TenantMoveInput): TenantMove {
  const { tenant, event, openJobs, nowMs } = input;
  const after = { ...tenant, ...input.set };
  const facts = {
    provisioned: after.provisionedAt !== null && !isBeingRemoved(openJobs),
    subscriptionStatus: decisiveStatus(after.subscriptionStatus),
  };
  const transition = event === undefined ? STAY : transitionTenant(tenant.status, event, facts);
  if (transition.kind === "refuse") return { kind: "refused", reason: transition.reason };
  const to = transition.kind === "move" ? transition.to : tenant.status;
  const set: Partial<TenantRow> = { ...input.set, updatedAt: formatInstant(nowMs) };
  const move: Moved = { kind: "moved", to, set, jobs: [], preconditions: [], trace: [], audit: [], funnel: [] };
  if (to === tenant.status) return move;

  Object.assign(set, { status: to, statusChangedAt: formatInstant(nowMs) }, deadlineOf(tenant.status, to, nowMs));
  recordMove(input, move);
  move.jobs.push(...cancelledJobs(tenant.status, to, openJobs));
  if (to === "Pending_Deletion" && !openJobs.some(({ kind }) => kind === "deprovision")) {
    queueJob(input, move, { kind: "deprovision", placement: { nodeId: after.nodeId, reason: "where it runs" } });
  }
  if (to === "Provisioning" && !openJobs.some((job) => job.kind === "provision" || isHeld(job))) {
    queueProvision(input, move);
  }
  return move;
}

/** A status that leaves the state as it is (`incomplete`, unknown ones) must not outrank a payment. */
const decisiveStatus = (status: string | null): string | null =>
  status !== null && eventForSubscription(status) !== undefined ? status : null;

/** Once a run has taken the deprovision job, what it removes no longer counts as provisioned. */
const isBeingRemoved = (openJobs: readonly JobRow[]): boolean =>
  openJobs.some((job) => job.kind === "deprovision" && isHeld(job));

function deadlineOf(from: TenantState, to: TenantState, nowMs: number): Partial<TenantRow> {
  if (to === "Pending_Deletion") {
    return { pendingDeletionAt: formatInstant(nowMs), purgeAfter: formatInstant(nowMs + PURGE_DELAY_MS) };
  }
  return from === "Pending_Deletion" ? { pendingDeletionAt: null, purgeAfter: null } : {};
}

/** The end calls off provisioning, even while it runs; a return calls off a removal that nobody has begun. */
function cancelledJobs(from: TenantState, to: TenantState, openJobs: readonly JobRow[]): JobChange[] {
  return openJobs
    .filter((job) => {
      if (to === "Pending_Deletion") return job.kind === "provision";
      return from === "Pending_Deletion" && job.kind === "deprovision" && isUnclaimed(job);
    })
    .map((job) => ({ kind: "cancel", job }));
}

function recordMove({ tenant, event, set, actor }: TenantMoveInput, move: Moved): void {
  const traceId = set.traceId ?? tenant.traceId;
  const detail = { from: tenant.status, to: move.to, cause: event ?? null, purge_after: move.set.purgeAfter ?? null };
  move.trace.push({ eventType: "tenant.state_changed", traceId, tenantId: tenant.tenantId, payload: detail });
  move.audit.push({
    actor,
    action: "tenant.state_changed",
    target: `tenants_master/${tenant.tenantId}`,
    tenantId: tenant.tenantId,
    traceId,
    detail,
  });
}

/** Queues a provision job on a node with room, and reserves the slot with the tenant's row. */
export function queueProvision(input: TenantMoveInput, move: Moved): void {
  const reserved = input.set.nodeId === undefined ? input.tenant.nodeId : input.set.nodeId;
  const placement = placeTenant(input.nodes, reserved);
  if (placement.nodeId !== null && placement.nodeId !== reserved) {
    move.preconditions.push({ kind: "node_has_room", nodeId: placement.nodeId });
  }
  move.set.nodeId = placement.nodeId;
  queueJob(input, move, { kind: "provision", placement });
}

function queueJob(
  { tenant, set, newJobIds, actor, nowMs }: TenantMoveInput,
  move: Moved,
  { kind, placement }: { kind: JobKind; placement: Placement },
): void {
  const traceId = set.traceId ?? tenant.traceId;
  const isWaiting = kind === "provision" && placement.nodeId === null;
  const job: JobRow = {
    ...BLANK_JOB,
    jobId: newJobIds[kind],
    tenantId: tenant.tenantId,
    kind,
    status: isWaiting ? "queued_capacity" : "queued",
    nodeId: placement.nodeId,
    region: set.region ?? tenant.region,
    traceId,
    createdAt: formatInstant(nowMs),
    updatedAt: formatInstant(nowMs),
  };
  const about = { traceId, tenantId: tenant.tenantId, jobId: job.jobId };
  const detail = { job_id: job.jobId, kind, status: job.status, node_id: job.nodeId, placement: placement.reason };
  move.jobs.push({ kind: "queue", job });
  move.trace.push({ ...about, eventType: "provision.queued", level: isWaiting ? "warn" : "info", payload: detail });
  const target = `provision_jobs/${job.jobId}`;
  move.audit.push({ actor, action: "provision.queued", target, tenantId: tenant.tenantId, traceId, detail });
  if (kind === "provision") {
    move.funnel.push({ ...about, eventType: "m_provision_job_created", source: "cp", success: true, payload: detail });
  }
}

const BLANK_JOB = {
  attempts: 0,
  runId: null,
  runUrl: null,
  stage: null,
  failureStage: null,
  error: null,
  readinessJson: null,
  claimedAt: null,
  finishedAt: null,
} as const;
