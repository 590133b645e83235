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

/** Moments of the sweep to which the stores can come back: the cycle is due; or it is closed, and charges of it were refused. */
export type Stage = "due" | "refused";

/** Keeps the stores as they are at a stage, to come back to them at every point. */
export async function keepStores(db: D1Database, stage: Stage): Promise<void> {
  await db.batch(
    LIVE_TABLES.flatMap((table) => [
      db.prepare(`DROP TABLE IF EXISTS kept_${stage}_${table}`),
      db.prepare(`CREATE TABLE kept_${stage}_${table} AS SELECT * FROM ${table}`),
    ]),
  );
}

/** Brings the stores back to what was kept at a stage. */
export async function restoreStores(db: D1Database, stage: Stage): Promise<void> {
  const rows = await guards(db);
  const parentsFirst = LIVE_TABLES.toReversed();
  await db.batch(
    unguarded(db, rows, [
      ...LIVE_TABLES.map((table) => `DELETE FROM ${table}`),
      ...parentsFirst.map((table) => `INSERT INTO ${table} SELECT * FROM kept_${stage}_${table}`),
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

/** Statements that empty the stores, and some tables that a close only reads. */
export const emptyStores = async (db: D1Database, besides: readonly string[]): Promise<D1PreparedStatement[]> =>
  unguarded(
    db,
    await guards(db),
    [...LIVE_TABLES, ...besides].map((table) => `DELETE FROM ${table}`),
  );

/** Statements that triggers refuse, with the triggers set aside and put back in the same transaction. */
const unguarded = (db: D1Database, rows: readonly Guard[], statements: readonly string[]): D1PreparedStatement[] =>
  [...rows.map(({ name }) => `DROP TRIGGER ${name}`), ...statements, ...rows.map(({ sql }) => sql)].map((sql) =>
    db.prepare(sql),
  );
