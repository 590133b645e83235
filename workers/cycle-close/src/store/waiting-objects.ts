import type { Database } from "@prego/core/store";
import { acceptsUsage, TENANT_STATES } from "@prego/core/tenant-state";
import { type SQL, sql } from "drizzle-orm";
import { WAITING_TENANTS_MAX } from "../limits.ts";

const GONE = JSON.stringify(TENANT_STATES.filter((state) => acceptsUsage(state) === "gone"));

/** Tenants of `t` whose purge has begun: their usage is being erased and their totals lose their name, so no close may touch them. */
export const isGone: SQL = sql`t.status IN (SELECT value FROM json_each(${GONE}))`;

/**
 * Objects of `o` up to a bound that the aggregator will still count. It leaves alone those of a tenant whose purge has
 * begun, so no close may wait for them; one of an unknown tenant it will set aside.
 */
export const isAwaited = (bound: SQL): SQL =>
  sql`o.status = 'pending' AND o.seq <= ${bound} AND NOT EXISTS (SELECT 1 FROM tenants_master g
    WHERE g.tenant_id = o.tenant_id AND g.status IN (SELECT value FROM json_each(${GONE})))`;

/** Tenants that cannot be closed yet, because an object of theirs up to the bound is not counted. */
export async function findWaitingTenants(db: Database, storedSeqBound: number): Promise<Set<string>> {
  const rows = await db.all<{ tenantId: string }>(sql`SELECT DISTINCT o.tenant_id AS tenantId FROM usage_objects o
    WHERE ${isAwaited(sql`CAST(${storedSeqBound} AS INTEGER)`)} LIMIT CAST(${WAITING_TENANTS_MAX} AS INTEGER)`);
  return new Set(rows.map((row) => row.tenantId));
}
