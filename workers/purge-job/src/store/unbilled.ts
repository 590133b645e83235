import { sql } from "drizzle-orm";
import { type PurgeStorage, read } from "./storage.ts";

/** What of a tenant has not reached its bill; undefined when all has. */
export async function findUnbilled(storage: PurgeStorage, tenantId: string): Promise<string | undefined> {
  const [row] = await read<{ charges: number; arriving: number; late: number; month: string | null }>(
    storage,
    sql`SELECT EXISTS (SELECT 1 FROM stripe_usage_outbox WHERE tenant_id = ${tenantId} AND status = 'pending')
        OR EXISTS (SELECT 1 FROM stripe_invoice_outbox WHERE tenant_id = ${tenantId} AND status = 'pending') AS charges,
      EXISTS (SELECT 1 FROM usage_objects WHERE tenant_id = ${tenantId} AND status = 'pending') AS arriving,
      EXISTS (SELECT 1 FROM usage_adjustments WHERE tenant_id = ${tenantId} AND billed_cycle IS NULL) AS late,
      (SELECT max(substr(hour, 1, 7)) FROM usage_rollups WHERE tenant_id = ${tenantId} HAVING max(substr(hour, 1, 7)) >
        coalesce((SELECT max(cycle) FROM usage_cycle_totals WHERE tenant_id = ${tenantId}), '')) AS month`,
  );
  if (row === undefined) return undefined;
  if (row.arriving === 1) return "usage is not rolled up yet";
  if (row.month !== null) return `usage of ${row.month} is not closed yet`;
  if (row.late === 1) return "late usage is not closed yet";
  return row.charges === 1 ? "a charge has not been sent yet" : undefined;
}
