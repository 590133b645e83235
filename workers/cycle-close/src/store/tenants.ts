import { parseInstant } from "@prego/core/period";
import type { Database } from "@prego/core/store";
import { sql } from "drizzle-orm";
import type { BillingPeriod } from "../plan/inputs.ts";
import { type CycleRun, isMissing } from "./cycle-runs.ts";
import type { TenantCycle } from "./cycle-totals.ts";
import { isGone } from "./waiting-objects.ts";

/** What closing needs of a tenant. */
export interface BillableTenant {
  tenantId: string;
  planId: string;
  stripeCustomerId: string | null;
  traceId: string | null;
  /** The subscription that Stripe makes invoices of; null when there is none. */
  live: LiveSubscription | null;
  /** Whether late usage of closed cycles waits to be billed. */
  hasLate: boolean;
}

/** What Stripe's events say of a subscription that runs. */
export interface LiveSubscription {
  /** From when on it is known to have had the tenant's plan; null when nothing says otherwise. */
  sinceMs: number | null;
  period: BillingPeriod | null;
  /** Prices of its items; null while no event said so. */
  priceIds: readonly string[] | null;
}

type TenantRow = Omit<BillableTenant, "hasLate" | "live"> & {
  late: number;
  isLive: number;
  isNewer: number;
  since: string | null;
  periodStart: string | null;
  periodEnd: string | null;
  priceIds: string | null;
};

const hasLateRows = sql<number>`EXISTS (SELECT 1 FROM usage_adjustments a INDEXED BY usage_adjustments_unbilled
  WHERE a.tenant_id = t.tenant_id AND a.billed_cycle IS NULL) AS late`;

/** Stripe makes no invoices of a subscription that has ended or is paused. */
const isLive = sql`t.stripe_subscription_id IS NOT NULL
  AND coalesce(t.subscription_status, '') NOT IN ('canceled', 'incomplete_expired', 'paused')`;

/** The last statement that the tenant had another plan, with its place in that instant; the end of its last subscription that ended. */
const otherPlanAt = sql`(SELECT max(p.effective_from || printf('%09d', p.ordinal)) FROM tenant_plans p
  WHERE p.tenant_id = t.tenant_id AND p.plan_id <> t.plan_id)`;
const endedAt = sql`(SELECT strftime('%Y-%m-%dT%H:%M:%fZ', max(s.state_as_of), 'unixepoch') FROM stripe_subscriptions s
  WHERE s.tenant_id = t.tenant_id AND s.status IN ('canceled', 'incomplete_expired'))`;

/** Only Stripe's events say since when a subscription has its plan: the first one after whatever was before it. */
const liveColumns = sql`${isLive} AS isLive, coalesce(${otherPlanAt}, ${endedAt}) IS NOT NULL AS isNewer,
  (SELECT min(p.effective_from) FROM (SELECT coalesce(${otherPlanAt}, '') AS other, coalesce(${endedAt}, '') AS ended LIMIT 1) b
    CROSS JOIN tenant_plans p ON p.tenant_id = t.tenant_id AND p.effective_from >= substr(b.other, 1, 24)
    WHERE p.effective_from || printf('%09d', p.ordinal) > b.other AND p.effective_from > b.ended) AS since,
  own.current_period_start AS periodStart, own.current_period_end AS periodEnd, own.price_ids AS priceIds`;

const COLUMNS = sql`t.tenant_id AS tenantId, t.plan_id AS planId, t.stripe_customer_id AS stripeCustomerId,
  t.trace_id AS traceId, ${liveColumns}, ${hasLateRows}`;
const TENANTS = sql`tenants_master t LEFT JOIN stripe_subscriptions own ON own.subscription_id = t.stripe_subscription_id`;

/** Tenants that a run has not closed, in order, after a cursor. */
export async function listMissingTenants(
  db: Database,
  run: Pick<CycleRun, "cycle" | "boundedAt">,
  page: { after: string; limit: number },
): Promise<BillableTenant[]> {
  const rows = await db.all<TenantRow>(sql`SELECT ${COLUMNS} FROM ${TENANTS}
    WHERE t.tenant_id > ${page.after} AND ${isMissing(run)}
    ORDER BY t.tenant_id LIMIT CAST(${page.limit} AS INTEGER)`);
  return rows.map(readTenant);
}

/** One tenant whose purge has not begun. */
export async function findTenant(db: Database, tenantId: string): Promise<BillableTenant | undefined> {
  const [row] = await db.all<TenantRow>(
    sql`SELECT ${COLUMNS} FROM ${TENANTS} WHERE t.tenant_id = ${tenantId} AND NOT ${isGone}`,
  );
  return row === undefined ? undefined : readTenant(row);
}

function readTenant(row: TenantRow): BillableTenant {
  const { tenantId, planId, stripeCustomerId, traceId } = row;
  const live = row.isLive === 1 ? readLive(row) : null;
  return { tenantId, planId, stripeCustomerId, traceId, live, hasLate: row.late === 1 };
}

const readLive = ({ isNewer, since, periodStart, periodEnd, priceIds }: TenantRow): LiveSubscription => ({
  sinceMs: isNewer === 1 ? readSince(since) : null,
  period: readPeriod(periodStart, periodEnd),
  priceIds: priceIds === null ? null : (JSON.parse(priceIds) as string[]),
});

function readPeriod(start: string | null, end: string | null): BillingPeriod | null {
  const startMs = start === null ? undefined : parseInstant(start);
  const endMs = end === null ? undefined : parseInstant(end);
  return startMs === undefined ? null : { startMs, endMs: endMs ?? null };
}

/** Younger than any event, as long as nothing says since when. */
const readSince = (since: string | null): number =>
  (since === null ? undefined : parseInstant(since)) ?? Number.POSITIVE_INFINITY;

/** Those of some tenants' own closes that are still under way. */
export function listOpenCloses(db: Database, closes: readonly TenantCycle[]): Promise<TenantCycle[]> {
  const pairs = JSON.stringify(closes.map(({ tenantId, cycle }) => [tenantId, cycle]));
  return db.all<TenantCycle>(sql`SELECT p.value ->> 0 AS tenantId, r.cycle AS cycle
    FROM json_each(${pairs}) p CROSS JOIN cycle_runs r ON r.cycle = p.value ->> 1
    WHERE r.status IN ('waiting', 'closing')
      AND NOT EXISTS (SELECT 1 FROM usage_cycle_totals c WHERE c.cycle = r.cycle AND c.tenant_id = p.value ->> 0)`);
}
