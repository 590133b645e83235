import { sql } from "drizzle-orm";
import type { AuditEntry } from "@prego/core/audit";
import { formatInstant } from "@prego/core/period";
import { purgeRuns } from "@prego/core/schema";
import { appendAudit, appendTrace, requireChanged, requireTrue } from "@prego/core/store";
import { RUNNING_PURGES_MAX } from "../limits.ts";
import type { Candidate, PlannedStep } from "../plan.ts";
import { read, write, type PurgeStorage } from "./storage.ts";
import { hasNoLiveSubscription } from "./subscriptions.ts";

/** A purge that is under way. */
export interface RunningPurge {
  purgeId: string;
  tenantId: string;
  tombstone: string;
  traceId: string | null;
  startedAt: string;
}

export const listRunning = (storage: PurgeStorage): Promise<RunningPurge[]> =>
  read<RunningPurge>(
    storage,
    sql`SELECT purge_id AS purgeId, tenant_id AS tenantId, tombstone, trace_id AS traceId, started_at AS startedAt
      FROM purge_runs WHERE status = 'running' ORDER BY started_at, purge_id LIMIT CAST(${RUNNING_PURGES_MAX} AS INTEGER)`,
  );

/** What the first batch of a purge stores. */
export interface PurgeStart {
  candidate: Candidate;
  purgeId: string;
  tombstone: string;
  planned: Record<string, number>;
  steps: readonly PlannedStep[];
  nowMs: number;
  audit: readonly AuditEntry[];
  traceEventId: string;
}

/**
 * Closes the tenant for usage and stores the purge with its steps. The batch fails when anything that was judged has changed
 * since: state, deadline, hold or a subscription.
 */
export async function startPurge(storage: PurgeStorage, start: PurgeStart): Promise<RunningPurge> {
  const { candidate, purgeId, tombstone, nowMs } = start;
  const now = formatInstant(nowMs);
  await write(storage, [
    sql`UPDATE tenants_master SET status = 'Purging', status_changed_at = ${now}, updated_at = ${now}
      WHERE tenant_id = ${candidate.tenantId} AND status = 'Pending_Deletion' AND legal_hold = 0
        AND purge_after IS ${candidate.purgeAfter} AND subscription_status IS ${candidate.subscriptionStatus}`,
    requireChanged(),
    requireTrue(hasNoLiveSubscription(candidate.tenantId)),
    storage.db.insert(purgeRuns).values({
      purgeId,
      tenantId: candidate.tenantId,
      tombstone,
      status: "running",
      planJson: JSON.stringify({ stores: start.planned }),
      traceId: candidate.traceId,
      startedAt: now,
    }),
    sql`INSERT INTO purge_steps (purge_id, position, step, status, planned, detail_json, finished_at)
      SELECT ${purgeId}, value ->> 'position', value ->> 'step', value ->> 'status', value ->> 'planned', value ->> 'detail',
        iif(value ->> 'status' = 'done', ${now}, NULL)
      FROM json_each(${JSON.stringify(start.steps)})`,
    ...appendAudit(start.audit),
    ...appendTrace([
      {
        id: start.traceEventId,
        nowMs,
        traceId: candidate.traceId,
        source: "purge-job",
        eventType: "purge.started",
        tenantId: candidate.tenantId,
        jobId: purgeId,
      },
    ]),
  ]);
  return { purgeId, tenantId: candidate.tenantId, tombstone, traceId: candidate.traceId, startedAt: now };
}

/** A step of a running purge, with what decides whether it may be taken. */
export interface PurgeStep {
  step: string;
  status: "pending" | "done";
  cursor: string | null;
  detail: Record<string, unknown>;
  tenantStatus: string;
  legalHold: number;
}

/** The steps of a running purge, in order; none once another run has completed it. */
export async function listSteps(storage: PurgeStorage, purgeId: string): Promise<PurgeStep[]> {
  const rows = await read<Omit<PurgeStep, "detail"> & { detail: string | null }>(
    storage,
    sql`SELECT s.step, s.status, s.cursor, s.detail_json AS detail, t.status AS tenantStatus, t.legal_hold AS legalHold
      FROM purge_runs r JOIN purge_steps s ON s.purge_id = r.purge_id JOIN tenants_master t ON t.tenant_id = r.tenant_id
      WHERE r.purge_id = ${purgeId} AND r.status = 'running' ORDER BY s.position`,
  );
  return rows.map((row) => ({ ...row, detail: JSON.parse(row.detail ?? "{}") as Record<string, unknown> }));
}
