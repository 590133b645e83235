import { sql } from "drizzle-orm";
import type { AuditEntry } from "@prego/core/audit";
import { isGuardFailure } from "@prego/core/d1-error";
import { formatInstant } from "@prego/core/period";
import { appendAudit, requireTrue } from "@prego/core/store";
import { ROWS_PER_CHUNK, SWEEP_WINDOW_MS, SWEPT_TENANTS_MAX } from "../limits.ts";
import { read, write, type PurgeStorage } from "./storage.ts";
import { eraseRows, ERASED_TABLES, type TenantScope } from "./tenant-rows.ts";

export async function listRecentlyPurged(storage: PurgeStorage, nowMs: number): Promise<string[]> {
  const rows = await read<{ tenantId: string }>(
    storage,
    sql`SELECT tenant_id AS tenantId FROM tenants_master WHERE status = 'Purged' AND legal_hold = 0
      AND status_changed_at > ${formatInstant(nowMs - SWEEP_WINDOW_MS)}
      ORDER BY status_changed_at DESC LIMIT CAST(${SWEPT_TENANTS_MAX} AS INTEGER)`,
  );
  return rows.map((row) => row.tenantId);
}

/** Erases what turned up after a purge, a chunk of each table, with its audit row. False when a hold was set meanwhile. */
export async function eraseLateRows(
  storage: PurgeStorage,
  scope: TenantScope,
  audit: readonly AuditEntry[],
): Promise<boolean> {
  try {
    await write(storage, [
      requireTrue(
        sql`EXISTS (SELECT 1 FROM tenants_master WHERE tenant_id = ${scope.tenantId} AND status = 'Purged' AND legal_hold = 0)`,
      ),
      ...ERASED_TABLES.map((entry) => eraseRows(entry, scope, ROWS_PER_CHUNK)),
      ...appendAudit(audit),
    ]);
    return true;
  } catch (error) {
    if (isGuardFailure(error)) return false;
    throw error;
  }
}
