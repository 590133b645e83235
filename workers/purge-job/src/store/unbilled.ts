import { formatInstant } from "@prego/core/period";
import { endedCharges, isInvoiced, recentCycles } from "@prego/core/store";
import { sql } from "drizzle-orm";
import { INVOICE_DRAFT_MS } from "../limits.ts";
import { type PurgeStorage, read } from "./storage.ts";

interface Unbilled {
  charges: number;
  uninvoiced: number;
  drafts: number;
  arriving: number;
  late: number;
  month: string | null;
}

/** What of a tenant has not reached its bill; undefined when all has. */
export async function findUnbilled(
  storage: PurgeStorage,
  tenantId: string,
  nowMs: number,
): Promise<string | undefined> {
  const draftsSince = formatInstant(nowMs - INVOICE_DRAFT_MS);
  // Usage of months before the first closed one is late usage: no close of its own comes for it.
  const [row] = await read<Unbilled>(
    storage,
    sql`SELECT EXISTS (SELECT 1 FROM stripe_usage_outbox WHERE tenant_id = ${tenantId} AND status = 'pending')
        OR EXISTS (SELECT 1 FROM stripe_invoice_outbox WHERE tenant_id = ${tenantId} AND status = 'pending') AS charges,
      EXISTS (SELECT 1 FROM ${endedCharges} AND t.tenant_id = ${tenantId} AND o.mode = 'invoice_item' AND o.status = 'sent'
        AND o.cycle IN (${recentCycles}) AND NOT ${isInvoiced()}) AS uninvoiced,
      EXISTS (SELECT 1 FROM stripe_invoice_outbox WHERE tenant_id = ${tenantId}
        AND status IN ('sent', 'nothing_pending') AND updated_at > ${draftsSince}) AS drafts,
      EXISTS (SELECT 1 FROM usage_objects WHERE tenant_id = ${tenantId} AND status = 'pending') AS arriving,
      EXISTS (SELECT 1 FROM usage_adjustments WHERE tenant_id = ${tenantId} AND billed_cycle IS NULL) AS late,
      (SELECT min(used.month) FROM (SELECT DISTINCT substr(hour, 1, 7) AS month FROM usage_rollups
          WHERE tenant_id = ${tenantId}) used
        WHERE used.month >= coalesce((SELECT min(cycle) FROM usage_cycle_totals WHERE tenant_id = ${tenantId}), '')
          AND NOT EXISTS (SELECT 1 FROM usage_cycle_totals c WHERE c.tenant_id = ${tenantId}
            AND (c.cycle = used.month OR c.corrected_cycle = used.month))) AS month`,
  );
  return row === undefined ? undefined : describe(row);
}

function describe({ charges, uninvoiced, drafts, arriving, late, month }: Unbilled): string | undefined {
  if (arriving === 1) return "usage is not rolled up yet";
  if (month !== null) return `usage of ${month} is not closed yet`;
  if (late === 1) return "late usage is not closed yet";
  if (charges === 1) return "a charge has not been sent yet";
  if (uninvoiced === 1) return "a charge is on no invoice yet";
  return drafts === 1 ? "an invoice has not been charged yet" : undefined;
}
