import { sql, type SQL } from "drizzle-orm";
import type { AuditEntry } from "@prego/core/audit";
import { appendAudit, requireTrue } from "@prego/core/store";
import type { ListedSubscription } from "../domain/subscription-life.ts";
import { LOCAL_SUBSCRIPTIONS_MAX } from "../limits.ts";
import { read, write, type PurgeStorage } from "./storage.ts";

/** Every customer that the tenant has had, shared ones included. */
const customersOf = (tenantId: string): SQL =>
  sql`SELECT stripe_customer_id AS customer FROM tenants_master WHERE tenant_id = ${tenantId} AND stripe_customer_id IS NOT NULL
    UNION SELECT customer_id FROM stripe_subscriptions WHERE tenant_id = ${tenantId}`;

const isElsewhere = (tenantId: string): SQL =>
  sql`((s.tenant_id IS NOT NULL AND s.tenant_id <> ${tenantId})
    OR EXISTS (SELECT 1 FROM tenants_master t WHERE t.stripe_subscription_id = s.subscription_id AND t.tenant_id <> ${tenantId}))`;

/** Stored subscriptions of the tenant's customers, alive ones first. */
export interface KnownSubscriptions {
  customers: string[];
  listed: ListedSubscription[];
  /** Those of another tenant with the same customer. */
  elsewhere: Set<string>;
}

export async function findKnownSubscriptions(storage: PurgeStorage, tenantId: string): Promise<KnownSubscriptions> {
  const customers = await read<{ customer: string }>(storage, customersOf(tenantId));
  const rows = await read<ListedSubscription & { isElsewhere: number }>(
    storage,
    sql`SELECT s.subscription_id AS id, s.status, ${isElsewhere(tenantId)} AS isElsewhere FROM stripe_subscriptions s
      WHERE s.customer_id IN (${customersOf(tenantId)})
      UNION SELECT t.stripe_subscription_id, coalesce(t.subscription_status, 'canceled'), 1 FROM tenants_master t
        WHERE t.stripe_subscription_id IS NOT NULL AND t.tenant_id <> ${tenantId}
          AND t.stripe_customer_id IN (${customersOf(tenantId)})
      LIMIT CAST(${LOCAL_SUBSCRIPTIONS_MAX} AS INTEGER)`,
  );
  return {
    customers: customers.map((row) => row.customer),
    listed: rows.map(({ id, status }) => ({ id, status })),
    elsewhere: new Set(rows.filter((row) => row.isElsewhere === 1).map((row) => row.id)),
  };
}

/** Holds in the transaction while no stored subscription of the tenant's customers is alive, another tenant's left out. */
export const hasNoLiveSubscription = (tenantId: string): SQL =>
  sql`NOT EXISTS (SELECT 1 FROM stripe_subscriptions s WHERE s.customer_id IN (${customersOf(tenantId)})
    AND s.status NOT IN ('canceled', 'incomplete_expired') AND NOT ${isElsewhere(tenantId)})`;

export const ALIVE_ACTION = "purge.subscription_alive";

const isAudited = (tenantId: string): SQL =>
  sql`coalesce((SELECT action FROM audit_logs WHERE tenant_id = ${tenantId} ORDER BY seq DESC LIMIT 1), '') = ${ALIVE_ACTION}`;

/** Whether the newest audit row of the tenant says already that a subscription is alive. */
export async function isRefusalAudited(storage: PurgeStorage, tenantId: string): Promise<boolean> {
  const [row] = await read<{ known: number }>(storage, sql`SELECT ${isAudited(tenantId)} AS known`);
  return row?.known === 1;
}

/** @throws a guard failure when another run was first. */
export async function auditRefusal(storage: PurgeStorage, tenantId: string, entry: AuditEntry): Promise<void> {
  await write(storage, [requireTrue(sql`NOT ${isAudited(tenantId)}`), ...appendAudit([entry])]);
}
