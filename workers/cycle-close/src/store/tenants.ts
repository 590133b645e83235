import type { Database } from "@prego/core/store";
import { sql } from "drizzle-orm";
import { type CycleRun, isMissing } from "./cycle-runs.ts";
import type { TenantCycle } from "./cycle-totals.ts";
import { isGone } from "./waiting-objects.ts";

/** What closing needs of a tenant. */
export interface BillableTenant {
  tenantId: string;
  planId: string;
  stripeCustomerId: string | null;
  traceId: string | null;
  /** Whether late usage of closed cycles waits to be billed. */
  hasLate: boolean;
}

type TenantRow = Omit<BillableTenant, "hasLate"> & { late: number };

const hasLateRows = sql<number>`EXISTS (SELECT 1 FROM usage_adjustments a INDEXED BY usage_adjustments_unbilled
  WHERE a.tenant_id = t.tenant_id AND a.billed_cycle IS NULL) AS late`;

const COLUMNS = sql`t.tenant_id AS tenantId, t.plan_id AS planId, t.stripe_customer_id AS stripeCustomerId,
  t.trace_id AS traceId, ${hasLateRows}`;

/** Tenants that a run has not closed, in order, after a cursor. */
export async function listMissingTenants(
  db: Database,
  run: Pick<CycleRun, "cycle" | "boundedAt">,
  page: { after: string; limit: number },
): Promise<BillableTenant[]> {
  const rows = await db.all<TenantRow>(sql`SELECT ${COLUMNS} FROM tenants_master t
    WHERE t.tenant_id > ${page.after} AND ${isMissing(run)}
    ORDER BY t.tenant_id LIMIT CAST(${page.limit} AS INTEGER)`);
  return rows.map(readTenant);
}

/** One tenant whose purge has not begun. */
export async function findTenant(db: Database, tenantId: string): Promise<BillableTenant | undefined> {
  const [row] = await db.all<TenantRow>(
    sql`SELECT ${COLUMNS} FROM tenants_master t WHERE t.tenant_id = ${tenantId} AND NOT ${isGone}`,
  );
  return row === undefined ? undefined : readTenant(row);
}

const readTenant = ({ late, ...tenant }: TenantRow): BillableTenant => ({ ...tenant, hasLate: late === 1 });

/** Those of some tenants' own closes that are still under way. */
export function listOpenCloses(db: Database, closes: readonly TenantCycle[]): Promise<TenantCycle[]> {
  const pairs = JSON.stringify(closes.map(({ tenantId, cycle }) => [tenantId, cycle]));
  return db.all<TenantCycle>(sql`SELECT p.value ->> 0 AS tenantId, r.cycle AS cycle
    FROM json_each(${pairs}) p CROSS JOIN cycle_runs r ON r.cycle = p.value ->> 1
    WHERE r.status IN ('waiting', 'closing')
      AND NOT EXISTS (SELECT 1 FROM usage_cycle_totals c WHERE c.cycle = r.cycle AND c.tenant_id = p.value ->> 0)`);
}
