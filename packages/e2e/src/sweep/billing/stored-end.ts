import type { ExpectedLine } from "./expected-charges.ts";
import type { World } from "./world.ts";

interface TotalRow {
  tenantId: string;
  meterKey: string;
  cycle: string;
  correctedCycle: string;
  part: string;
  qty: string;
  overage: string;
  amountMinor: string;
}

/** What the outbox says of a charge. */
export interface ChargeRow {
  tenantId: string;
  meterKey: string;
  cycle: string;
  correctedCycle: string;
  part: string;
  identifier: string;
  status: string;
  error: string | null;
}

/** What the outbox says of the newest invoice of a tenant's cycle. */
export interface InvoiceRow {
  tenantId: string;
  identifier: string;
  status: string;
  error: string | null;
}

/** What the stores hold at the end. */
export interface StoredEnd {
  totals: TotalRow[];
  charges: ChargeRow[];
  invoices: InvoiceRow[];
  runs: { cycle: string; status: string }[];
  /** In the order in which they were written. */
  audits: { action: string; tenantId: string | null; target: string }[];
  /** Tenants whose subscription has ended and that are there. */
  left: { tenantId: string }[];
}

/** What the judges of one side compare. */
export interface Ends {
  world: World;
  end: StoredEnd;
  /** What is owed by all tenants, purged ones included. */
  lines: readonly ExpectedLine[];
  purged: ReadonlySet<string>;
}

const QUERIES: Readonly<Record<keyof StoredEnd, string>> = {
  totals: `SELECT tenant_id AS tenantId, meter_key AS meterKey, cycle, corrected_cycle AS correctedCycle, part, CAST(qty AS TEXT) AS qty,
     CAST(overage AS TEXT) AS overage, CAST(amount_minor AS TEXT) AS amountMinor FROM usage_cycle_totals`,
  charges: `SELECT tenant_id AS tenantId, meter_key AS meterKey, cycle, corrected_cycle AS correctedCycle, part, identifier, status, error
     FROM stripe_usage_outbox`,
  invoices: "SELECT tenant_id AS tenantId, identifier, status, error FROM stripe_invoice_outbox",
  runs: "SELECT cycle, status FROM cycle_runs",
  audits: `SELECT action, tenant_id AS tenantId, target FROM audit_logs
     WHERE action = 'cycle.closed' OR action LIKE 'stripe.usage_%' OR action LIKE 'stripe.invoice_%' ORDER BY seq`,
  left: "SELECT tenant_id AS tenantId FROM tenants_master WHERE subscription_status = 'canceled' AND status NOT IN ('Purging', 'Purged')",
};

export async function readEnd(db: D1Database): Promise<StoredEnd> {
  const names = Object.keys(QUERIES) as (keyof StoredEnd)[];
  const results = await db.batch(names.map((name) => db.prepare(QUERIES[name])));
  const end = Object.fromEntries(names.map((name, index) => [name, results[index]?.results ?? []]));
  return end as unknown as StoredEnd;
}
