import { sql } from "drizzle-orm";
import { PAGE_ROWS_MAX } from "@prego/core/limits";
import { CANDIDATE_PAGES_MAX } from "../limits.ts";
import type { Candidate } from "../plan.ts";
import { read, type PurgeStorage } from "./storage.ts";

/** Tenants waiting for deletion, whatever their deadline says: the plan judges it. */
export async function listCandidates(storage: PurgeStorage): Promise<Candidate[]> {
  const found: Candidate[] = [];
  let after = "";
  for (let page = 0; page < CANDIDATE_PAGES_MAX; page += 1) {
    const rows = await read<Candidate>(
      storage,
      sql`SELECT tenant_id AS tenantId, status, purge_after AS purgeAfter, legal_hold AS legalHold,
          subscription_status AS subscriptionStatus, trace_id AS traceId
        FROM tenants_master WHERE status = 'Pending_Deletion' AND tenant_id > ${after}
        ORDER BY tenant_id LIMIT CAST(${PAGE_ROWS_MAX} AS INTEGER)`,
    );
    found.push(...rows);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS_MAX) break;
    after = last.tenantId;
  }
  return found;
}

/** Tenants that there are, the purged ones left out: one percent of them is the cap. */
export async function countTenants(storage: PurgeStorage): Promise<number> {
  const [row] = await read<{ n: number }>(
    storage,
    sql`SELECT count(*) AS n FROM tenants_master WHERE status <> 'Purged'`,
  );
  return row?.n ?? 0;
}

/** The tenant's trace id when no other tenant carries it: only then its nameless rows are surely this tenant's. */
export async function findJourneyTraceId(storage: PurgeStorage, tenantId: string): Promise<string | null> {
  const [row] = await read<{ traceId: string }>(
    storage,
    sql`SELECT own.trace_id AS traceId FROM tenants_master own WHERE own.tenant_id = ${tenantId} AND own.trace_id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM tenants_master other WHERE other.trace_id = own.trace_id AND other.tenant_id <> own.tenant_id)`,
  );
  return row?.traceId ?? null;
}

/** Everything of the tenant at Stripe, as known here. */
export interface StripeIds {
  customers: string[];
  subscriptions: string[];
}

/** A customer that another tenant uses too is left out: it is not this tenant's to delete. */
export async function findStripeIds(storage: PurgeStorage, tenantId: string): Promise<StripeIds> {
  const rows = await read<{ customer: string | null; subscription: string | null; isShared: number }>(
    storage,
    sql`SELECT own.customer, own.subscription,
        (EXISTS (SELECT 1 FROM tenants_master WHERE stripe_customer_id = own.customer AND tenant_id <> ${tenantId})
          OR EXISTS (SELECT 1 FROM stripe_subscriptions WHERE customer_id = own.customer AND tenant_id <> ${tenantId})) AS isShared
      FROM (SELECT stripe_customer_id AS customer, stripe_subscription_id AS subscription FROM tenants_master WHERE tenant_id = ${tenantId}
        UNION SELECT customer_id, subscription_id FROM stripe_subscriptions WHERE tenant_id = ${tenantId}) own`,
  );
  const distinct = (values: (string | null)[]): string[] =>
    [...new Set(values.filter((value) => value !== null))].toSorted();
  return {
    customers: distinct(rows.filter((row) => row.isShared === 0).map((row) => row.customer)),
    subscriptions: distinct(rows.map((row) => row.subscription)),
  };
}
