import { sql, type SQL } from "drizzle-orm";
import { formatInstant } from "@prego/core/period";
import { requireChanged, requireTrue, type Statement } from "@prego/core/store";
import type { TenantTable } from "@prego/core/tenant-data";
import { ROWS_PER_CHUNK } from "../limits.ts";
import type { RunningPurge } from "./purge-runs.ts";
import { write, type PurgeStorage } from "./storage.ts";
import { eraseRows, isEmptyOf, type TenantScope } from "./tenant-rows.ts";

/** A step of a purge as the statements below address it. */
export interface StepAddress {
  purge: RunningPurge;
  step: string;
}

/** When and under which trace event id a step is finished. */
export interface StepEnd {
  nowMs: number;
  traceEventId: string;
}

/** Holds while the tenant is being purged and no legal hold stands; every chunk asks in its own transaction. */
export const mayErase = (tenantId: string): SQL =>
  sql`EXISTS (SELECT 1 FROM tenants_master WHERE tenant_id = ${tenantId} AND status = 'Purging' AND legal_hold = 0)`;

const ofStep = ({ purge, step }: StepAddress): SQL => sql`purge_id = ${purge.purgeId} AND step = ${step}`;

/** The trace event of the steps that ended just now; none without a trace id. */
function traceEnded(purge: RunningPurge, steps: readonly string[], end: StepEnd): Statement {
  const now = formatInstant(end.nowMs);
  return sql`INSERT INTO trace_events (id, ts, trace_id, source, event_type, tenant_id, job_id, level)
    SELECT ${end.traceEventId}, ${now}, ${purge.traceId}, 'purge-job', 'purge.step', ${purge.tenantId}, ${purge.purgeId}, 'info'
    WHERE ${purge.traceId} IS NOT NULL AND EXISTS (SELECT 1 FROM purge_steps WHERE purge_id = ${purge.purgeId}
      AND finished_at = ${now} AND step IN (SELECT value FROM json_each(${JSON.stringify(steps)})))`;
}

/**
 * Erases one chunk of each table, counts it, and ends the steps of those that are now empty of the tenant: one transaction, so
 * that what is deleted is what is counted.
 */
export async function eraseChunks(
  storage: PurgeStorage,
  entries: readonly TenantTable[],
  chunk: { purge: RunningPurge; scope: TenantScope; end: StepEnd },
): Promise<void> {
  const { purge, scope, end } = chunk;
  const now = formatInstant(end.nowMs);
  await write(storage, [
    requireTrue(mayErase(scope.tenantId)),
    ...entries.flatMap((entry) => [
      eraseRows(entry, scope, ROWS_PER_CHUNK),
      sql`UPDATE purge_steps SET deleted = deleted + changes(), status = iif(is_empty, 'done', status),
          relisted = iif(is_empty, 0, relisted), finished_at = iif(is_empty AND status = 'pending', ${now}, finished_at)
        FROM (SELECT ${isEmptyOf(entry, scope)} AS is_empty) WHERE ${ofStep({ purge, step: entry.table })}`,
    ]),
    traceEnded(
      purge,
      entries.map((entry) => entry.table),
      end,
    ),
  ]);
}

/** Ends a step that is not a table's. A hold or another run makes it fail. */
export async function finishStep(
  storage: PurgeStorage,
  address: StepAddress,
  end: StepEnd & { detail?: Record<string, unknown> },
): Promise<void> {
  const { purge, step } = address;
  const detail = end.detail === undefined ? sql`detail_json` : sql`${JSON.stringify(end.detail)}`;
  await write(storage, [
    requireTrue(mayErase(purge.tenantId)),
    sql`UPDATE purge_steps SET status = 'done', relisted = 0, finished_at = ${formatInstant(end.nowMs)}, detail_json = ${detail}
      WHERE ${ofStep(address)} AND status = 'pending'`,
    requireChanged(),
    traceEnded(purge, [step], end),
  ]);
}

/** Keeps what a step must remember between two outside calls. */
export async function saveDetail(
  storage: PurgeStorage,
  address: StepAddress,
  detail: Record<string, unknown>,
): Promise<void> {
  await write(storage, [
    requireTrue(mayErase(address.purge.tenantId)),
    sql`UPDATE purge_steps SET detail_json = ${JSON.stringify(detail)} WHERE ${ofStep(address)} AND status = 'pending'`,
    requireChanged(),
  ]);
}

/**
 * Notes a page of keys before it is deleted, so that a run that dies in between still counts it. Only one run can: the cursor must
 * be free.
 */
export async function openPage(
  storage: PurgeStorage,
  address: StepAddress,
  page: { lastKey: string; keys: number },
): Promise<void> {
  await write(storage, [
    requireTrue(mayErase(address.purge.tenantId)),
    sql`UPDATE purge_steps SET cursor = ${page.lastKey}, detail_json = ${JSON.stringify({ pending: page.keys })}
      WHERE ${ofStep(address)} AND cursor IS NULL`,
    requireChanged(),
  ]);
}

/** Counts a noted page as deleted, once. */
export async function closePage(
  storage: PurgeStorage,
  address: StepAddress,
  page: { lastKey: string; keys: number },
): Promise<void> {
  await write(storage, [
    sql`UPDATE purge_steps SET cursor = NULL, detail_json = NULL, deleted = deleted + CAST(${page.keys} AS INTEGER)
      WHERE ${ofStep(address)} AND cursor = ${page.lastKey}`,
    requireChanged(),
  ]);
}

/** Takes the last look again: something was written after it. */
export async function reopenRelist(storage: PurgeStorage, purge: RunningPurge): Promise<void> {
  await write(storage, [
    sql`UPDATE purge_steps SET status = 'pending', relisted = NULL, finished_at = NULL
      WHERE purge_id = ${purge.purgeId} AND step = 'relist'
        AND EXISTS (SELECT 1 FROM purge_runs WHERE purge_id = ${purge.purgeId} AND status = 'running')`,
  ]);
}

/** Fails like a chunk would when the tenant may not be erased (any more). */
export async function requireErasable(storage: PurgeStorage, tenantId: string): Promise<void> {
  await write(storage, [requireTrue(mayErase(tenantId))]);
}
