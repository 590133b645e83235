import { env } from "cloudflare:workers";

const { DB: database } = env as unknown as { DB: D1Database };

/** Empties every table: storage is shared by the tests of a file, and a run closes everything it finds. */
export const resetDatabase = (): Promise<void> => restoreRows([]);

/** Empties every table and fills those that `keepRows` has kept, in one batch: a sweep begins hundreds of times with the same rows. */
export async function restoreRows(kept: readonly string[]): Promise<void> {
  const guards = await rows<{ name: string; sql: string }>(
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('usage_cycle_totals', 'audit_logs', 'tenant_plans')",
  );
  const tables = [
    "usage_cycle_totals",
    "stripe_usage_outbox",
    "stripe_invoice_outbox",
    "cycle_runs",
    "usage_adjustments",
    "usage_rollups",
    "usage_distinct_values",
    "usage_objects",
    "tenant_plans",
    "tenants_master",
    "plan_meters",
    "plans",
    "meters",
    "audit_logs",
    "audit_details",
    "trace_events",
    "job_runs",
    "job_leases",
    "stripe_events",
    "stripe_subscriptions",
  ];
  await database.batch(
    [
      ...guards.map(({ name }) => `DROP TRIGGER ${name}`),
      ...tables.map((table) => `DELETE FROM ${table}`),
      ...kept.map((table) => `INSERT INTO ${table} SELECT * FROM kept_${table}`),
      ...guards.map(({ sql }) => sql),
    ].map((sql) => database.prepare(sql)),
  );
}

/** Keeps what some tables hold now, for `restoreRows`; tables with references come after those they refer to. */
export async function keepRows(tables: readonly string[]): Promise<void> {
  await database.batch(
    tables.flatMap((table) => [
      database.prepare(`DROP TABLE IF EXISTS kept_${table}`),
      database.prepare(`CREATE TABLE kept_${table} AS SELECT * FROM ${table}`),
    ]),
  );
}

export async function rows<T>(query: string, ...values: unknown[]): Promise<T[]> {
  return (
    await database
      .prepare(query)
      .bind(...values)
      .all<T>()
  ).results;
}

export const execute = async (query: string, ...values: unknown[]): Promise<void> => {
  await database
    .prepare(query)
    .bind(...values)
    .run();
};

interface SeedMeter {
  aggregation?: string;
  included?: string;
  price?: unknown;
  poolWeight?: string;
  eventName?: string;
}

export async function seedPlan(
  planId: string,
  plan: {
    mode?: "meter_event" | "invoice_item";
    pool?: string;
    version?: number;
    effectiveFrom?: string;
    currency?: string;
    meters: Record<string, SeedMeter>;
  },
): Promise<void> {
  const { version = 1, mode = "invoice_item", pool, currency = "eur" } = plan;
  const from = plan.effectiveFrom ?? "2026-01-01T00:00:00.000Z";
  await execute(
    "INSERT INTO plans VALUES (?, CAST(? AS INTEGER), ?, ?, ?, CAST(? AS INTEGER), NULL, ?, ?)",
    planId,
    version,
    planId,
    currency,
    mode,
    pool ?? null,
    from,
    from,
  );
  for (const [key, meter] of Object.entries(plan.meters)) {
    await execute(
      "INSERT INTO meters VALUES (?, ?, 'request', ?, NULL, ?) ON CONFLICT DO NOTHING",
      key,
      key,
      meter.aggregation ?? "sum",
      from,
    );
    await execute(
      "INSERT INTO plan_meters VALUES (?, CAST(? AS INTEGER), ?, CAST(? AS INTEGER), ?, ?, ?, NULL)",
      planId,
      version,
      key,
      meter.included ?? "0",
      JSON.stringify(meter.price ?? { model: "flat", unitAmount: "2" }),
      meter.poolWeight ?? null,
      meter.eventName ?? null,
    );
  }
}

export async function seedTenant(
  tenantId: string,
  tenant: {
    plan?: string;
    customer?: string | null;
    status?: string;
    /** Stripe's word for it, null for none. */
    subscription?: string | null;
    createdAt?: string;
    traceId?: string;
  } = {},
): Promise<void> {
  const at = tenant.createdAt ?? "2026-11-05T00:00:00.000Z";
  const customer = tenant.customer === undefined ? `cus_${tenantId}` : tenant.customer;
  await execute(
    `INSERT INTO tenants_master (tenant_id, slug, short_id, type, plan_id, status, status_changed_at, region,
      stripe_customer_id, stripe_subscription_id, subscription_status, trace_id, created_at, updated_at)
      VALUES (?, ?, ?, 'standard', ?, ?, ?, 'eu', ?, ?, ?, ?, ?, ?)`,
    tenantId,
    `slug-${tenantId}`,
    `short-${tenantId}`,
    tenant.plan ?? "basic",
    tenant.status ?? "Active",
    at,
    customer,
    tenant.subscription === null ? null : `sub_${tenantId}`,
    tenant.subscription === undefined ? "active" : tenant.subscription,
    tenant.traceId ?? null,
    at,
    at,
  );
}

/** States a plan of a tenant, as control-plane does. */
export const seedPlanChange = (tenantId: string, planId: string, effectiveFrom: string): Promise<void> =>
  execute(
    `INSERT INTO tenant_plans SELECT ?1, ?2, coalesce(max(ordinal) + 1, 0), ?3, 'evt_kit', ?2 FROM tenant_plans
      WHERE tenant_id = ?1 AND effective_from = ?2`,
    tenantId,
    effectiveFrom,
    planId,
  );

export async function seedRollup(
  tenantId: string,
  meterKey: string,
  rollup: { hour?: string; qty: bigint; events?: number; max?: bigint; last?: bigint; newValues?: number },
): Promise<void> {
  const { hour = "2026-11-10T05", qty, events = 1, max, last, newValues = 0 } = rollup;
  await execute(
    `INSERT INTO usage_rollups VALUES (?, ?, ?, CAST(? AS INTEGER), CAST(? AS INTEGER), NULL, CAST(? AS INTEGER),
      CAST(? AS INTEGER), ?, ?, ?, CAST(? AS INTEGER))`,
    tenantId,
    meterKey,
    hour,
    qty.toString(),
    events,
    max?.toString() ?? null,
    last?.toString() ?? null,
    `${hour}:00:00.000Z`,
    `${hour}:59:00.000Z`,
    `${hour}:59:59.000Z`,
    newValues,
  );
}

export async function seedObject(
  tenantId: string,
  object: { key?: string; status?: string; hour?: string; events?: number; bytes?: number; sha256?: string } = {},
): Promise<void> {
  const hour = object.hour ?? "2026-11-10T05";
  await execute(
    `INSERT INTO usage_objects (r2_key, tenant_id, hour, events, bytes, sha256, status, created_at)
      VALUES (?, ?, ?, CAST(? AS INTEGER), CAST(? AS INTEGER), ?, ?, ?)`,
    object.key ?? `usage_raw/${tenantId}/${hour}`,
    tenantId,
    hour,
    object.events ?? 1,
    object.bytes ?? 1,
    object.sha256 ?? "00",
    object.status ?? "pending",
    `${hour}:59:59.000Z`,
  );
}

export async function seedLate(
  tenantId: string,
  meterKey: string,
  late: { corrected: string; key: string; qty: bigint; events?: number; lastAt?: string },
): Promise<void> {
  await execute(
    `INSERT INTO usage_adjustments VALUES (?1, ?2, ?3, ?4, NULL, CAST(?5 AS INTEGER), CAST(?6 AS INTEGER), ?7,
      iif(?8 IS NULL, NULL, CAST(?5 AS INTEGER)), iif(?8 IS NULL, NULL, CAST(?5 AS INTEGER)), ?8)`,
    tenantId,
    meterKey,
    late.corrected,
    late.key,
    late.qty.toString(),
    late.events ?? 1,
    "2026-12-02T00:00:00.000Z",
    late.lastAt ?? null,
  );
}
