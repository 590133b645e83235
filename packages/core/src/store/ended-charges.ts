import { type SQL, sql } from "drizzle-orm";

/** The cycles that are looked after; older ones were a person's before. */
export const recentCycles: SQL = sql`SELECT cycle FROM cycle_runs ORDER BY cycle DESC LIMIT 3`;

/** Charges `o` of tenants `t` whose subscription has ended, from the tenants on (CROSS keeps the order); the words are the index's. */
export const endedCharges: SQL = sql`tenants_master t CROSS JOIN stripe_usage_outbox o ON o.tenant_id = t.tenant_id
  WHERE t.subscription_status IN ('canceled', 'incomplete_expired') AND t.status NOT IN ('Purging', 'Purged')`;

/** That an invoice of their own was made after such a charge was sent; `states` says which invoices `i` count. */
export const isInvoiced = (states: SQL = sql`TRUE`): SQL =>
  sql`EXISTS (SELECT 1 FROM stripe_invoice_outbox i WHERE i.tenant_id = o.tenant_id AND i.cycle = o.cycle
    AND i.currency = o.payload_json ->> '$.currency' AND i.created_at >= o.updated_at AND ${states})`;
