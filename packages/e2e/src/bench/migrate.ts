import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { unstable_splitSqlQuery } from "wrangler";

const MIGRATIONS = path.resolve(import.meta.dirname, "../../../../migrations");

/** Brings an empty database to the schema that the workers have, statement by statement as `wrangler d1 migrations apply` does. */
export async function applyMigrations(database: D1Database): Promise<void> {
  for (const file of readdirSync(MIGRATIONS).toSorted()) {
    for (const statement of unstable_splitSqlQuery(readFileSync(path.join(MIGRATIONS, file), "utf8"))) {
      await database.prepare(statement).run();
    }
  }
}

/** Adds tenants that may send usage. */
export async function addTenants(database: D1Database, tenantIds: readonly string[]): Promise<void> {
  await database
    .prepare(
      `INSERT INTO tenants_master (tenant_id, slug, short_id, type, plan_id, status, status_changed_at, region, created_at, updated_at)
       SELECT value, value, value, 'standard', 'starter', 'Active', ?1, 'eu', ?1, ?1 FROM json_each(?2)`,
    )
    .bind("2026-01-01T00:00:00.000Z", JSON.stringify(tenantIds))
    .run();
}
