import { CYCLES, type Fleet } from "./fleet.ts";

/** Tables that a close, a webhook or a purge writes; children before their parents. */
const LIVE_TABLES = [
  "purge_steps",
  "purge_runs",
  "stripe_usage_outbox",
  "stripe_invoice_outbox",
  "usage_cycle_totals",
  "cycle_runs",
  "usage_adjustments",
  "usage_rollups",
  "usage_objects",
  "dispatches",
  "provision_jobs",
  "stripe_subscriptions",
  "stripe_events",
  "audit_details",
  "audit_logs",
  "trace_events",
  "funnel_events",
  "job_runs",
  "job_leases",
  "tenant_plans",
  "tenants_master",
];
const GUARDED_TABLES = ["usage_cycle_totals", "audit_logs", "tenant_plans"];
const SEEDED_AT = `${CYCLES.past}-02T00:00:00.000Z`;
const VALID_FROM = "2026-01-01T00:00:00.000Z";

/** Empties the stores and seeds a fleet as it is before anything was closed; late usage comes by {@link addLateUsage}. */
export async function seedFleet(
  db: D1Database,
  fleet: Fleet,
  subscriptions: ReadonlyMap<string, string>,
): Promise<void> {
  const rows = await guards(db);
  const plans = [...new Map(fleet.map(({ plan }) => [plan.planId, plan])).values()];
  const insert = (query: string, values: unknown[]) => db.prepare(query).bind(JSON.stringify(values));
  await db.batch([
    ...unguarded(
      db,
      rows,
      [...LIVE_TABLES, "plan_meters", "plans", "meters"].map((table) => `DELETE FROM ${table}`),
    ),
    insert(
      `INSERT INTO plans SELECT value ->> 0, 1, value ->> 0, 'eur', value ->> 1, NULL, value ->> 2, '${VALID_FROM}', '${VALID_FROM}'
       FROM json_each(?)`,
      plans.map(({ planId, mode }) => [planId, mode, priceIdOf(planId)]),
    ),
    insert(
      `INSERT INTO meters SELECT DISTINCT value ->> 0, value ->> 0, 'unit', 'sum', NULL, '${VALID_FROM}' FROM json_each(?)`,
      plans.flatMap(({ meters }) => meters.map(({ meterKey }) => [meterKey])),
    ),
    insert(
      `INSERT INTO plan_meters SELECT value ->> 0, 1, value ->> 1, (value ->> 2) * 1000000, value ->> 3, NULL, value ->> 4, NULL
       FROM json_each(?)`,
      plans.flatMap(({ planId, meters }) =>
        meters.map((one) => [planId, one.meterKey, one.includedUnits, JSON.stringify(one.price), one.eventName]),
      ),
    ),
    insert(
      `INSERT INTO tenants_master (tenant_id, slug, short_id, type, plan_id, status, status_changed_at, provisioned_at, region,
         stripe_customer_id, stripe_subscription_id, subscription_status, created_at, updated_at)
       SELECT value ->> 0, replace(value ->> 0, '_', '-'), value ->> 0, 'standard', value ->> 1, 'Active', '${SEEDED_AT}', '${SEEDED_AT}',
         'eu', value ->> 2, value ->> 3, 'active', '${SEEDED_AT}', '${SEEDED_AT}' FROM json_each(?)`,
      fleet.map((one) => [one.tenantId, one.plan.planId, one.customer, subscriptions.get(one.customer)]),
    ),
    insert(
      `INSERT INTO stripe_subscriptions (subscription_id, customer_id, tenant_id, status, price_id, state_as_of, updated_at)
       SELECT value ->> 0, value ->> 1, value ->> 2, 'active', value ->> 3, 1, '${SEEDED_AT}' FROM json_each(?)`,
      fleet.map((one) => [subscriptions.get(one.customer), one.customer, one.tenantId, priceIdOf(one.plan.planId)]),
    ),
    insert(
      `INSERT INTO usage_rollups SELECT value ->> 0, value ->> 1, value ->> 2, CAST(value ->> 3 AS INTEGER), 1, NULL, NULL, NULL,
         value ->> 2 || ':00:00.000Z', value ->> 2 || ':59:00.000Z', value ->> 2 || ':59:59.000Z', 0 FROM json_each(?)`,
      fleet.flatMap(({ tenantId, usage }) =>
        usage.map(({ meterKey, hour, micros }) => [tenantId, meterKey, hour, micros.toString()]),
      ),
    ),
  ]);
}

/** Stores what came after the past cycle was closed. */
export async function addLateUsage(db: D1Database, fleet: Fleet): Promise<void> {
  const late = fleet.flatMap(({ tenantId, late: rows }) =>
    rows.map((row) => [tenantId, row.meterKey, row.correctedCycle, row.r2Key, row.micros.toString()]),
  );
  await db
    .prepare(
      `INSERT INTO usage_adjustments SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, NULL, CAST(value ->> 4 AS INTEGER), 1,
         '${CYCLES.now}-02T00:00:00.000Z' FROM json_each(?)`,
    )
    .bind(JSON.stringify(late))
    .run();
}

/** The price of a plan at Stripe. */
export const priceIdOf = (planId: string): string => `price_${planId}`;

/** Keeps the stores as they are, to come back to them at every point. */
export async function keepStores(db: D1Database): Promise<void> {
  await db.batch(
    LIVE_TABLES.flatMap((table) => [
      db.prepare(`DROP TABLE IF EXISTS kept_${table}`),
      db.prepare(`CREATE TABLE kept_${table} AS SELECT * FROM ${table}`),
    ]),
  );
}

/** Brings the stores back to what was kept. */
export async function restoreStores(db: D1Database): Promise<void> {
  const rows = await guards(db);
  const parentsFirst = LIVE_TABLES.toReversed();
  await db.batch(
    unguarded(db, rows, [
      ...LIVE_TABLES.map((table) => `DELETE FROM ${table}`),
      ...parentsFirst.map((table) => `INSERT INTO ${table} SELECT * FROM kept_${table}`),
    ]),
  );
}

interface Guard {
  name: string;
  sql: string;
}

const guards = async (db: D1Database): Promise<Guard[]> =>
  (
    await db
      .prepare(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN (SELECT value FROM json_each(?))",
      )
      .bind(JSON.stringify(GUARDED_TABLES))
      .all<Guard>()
  ).results;

/** Statements that triggers refuse, with the triggers set aside and put back in the same transaction. */
const unguarded = (db: D1Database, rows: readonly Guard[], statements: readonly string[]): D1PreparedStatement[] =>
  [...rows.map(({ name }) => `DROP TRIGGER ${name}`), ...statements, ...rows.map(({ sql }) => sql)].map((sql) =>
    db.prepare(sql),
  );
