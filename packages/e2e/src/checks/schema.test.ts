import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { getTableColumns, getTableName, is } from "drizzle-orm";
import { SQLiteTable } from "drizzle-orm/sqlite-core";
import { beforeAll, describe, expect, test } from "vitest";
import * as schema from "@prego/core/schema";
import { listFiles, readSource, ROOT } from "./source-files.ts";

const MIGRATIONS = path.join(ROOT, "migrations");
const files = readdirSync(MIGRATIONS).toSorted();
const exported: unknown[] = Object.values(schema);
const tables = exported.filter((value): value is SQLiteTable => is(value, SQLiteTable));
const database = new DatabaseSync(":memory:");

interface ColumnInfo {
  name: string;
  type: string;
  notnull: number;
  pk: number;
}

const columnsOf = (table: string): ColumnInfo[] =>
  database
    .prepare(`SELECT name, type, "notnull", pk FROM pragma_table_info('${table}')`)
    .all() as unknown as ColumnInfo[];

describe("migrations", () => {
  beforeAll(() => {
    for (const file of files) database.exec(readFileSync(path.join(MIGRATIONS, file), "utf8"));
  });

  test("are numbered without gaps, named for what they do, and say why on top", () => {
    for (const [index, file] of files.entries()) {
      expect(file).toMatch(new RegExp(`^${String(index + 1).padStart(4, "0")}_[a-z]+_[a-z_]+\\.sql$`));
      expect(readFileSync(path.join(MIGRATIONS, file), "utf8")).toMatch(/^-- .+\n-- .+\n/);
    }
  });

  test("make exactly the tables and columns that the drizzle schema describes", () => {
    const live = database
      .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .all();
    expect(tables.length).toBeGreaterThan(20);
    expect(live.map((row) => String(row["name"])).toSorted()).toEqual(
      tables.map((table) => getTableName(table)).toSorted(),
    );
    for (const table of tables) {
      const described = Object.values(getTableColumns(table)).map((column) => ({
        name: column.name,
        type: column.getSQLType().toUpperCase(),
        required: column.notNull || column.primary,
      }));
      const actual = columnsOf(getTableName(table)).map((column) => ({
        name: column.name,
        type: column.type,
        required: column.notnull === 1 || column.pk > 0,
      }));
      const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
      expect(described.toSorted(byName), getTableName(table)).toEqual(actual.toSorted(byName));
    }
  });

  test("make STRICT tables, without rowid where the key is text", () => {
    for (const row of database
      .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .all()) {
      const sql = String(row["sql"]);
      expect(sql, String(row["name"])).toMatch(/\) STRICT(, WITHOUT ROWID)?$/);
      const integerKey = columnsOf(String(row["name"])).some((column) => column.pk === 1 && column.type === "INTEGER");
      expect(sql.includes("WITHOUT ROWID"), String(row["name"])).toBe(!integerKey);
    }
  });
});

test("the history of plans begins with what live tenants have, and no total and no charge is lost", () => {
  const live = new DatabaseSync(":memory:");
  const [before, after] = [files.filter((file) => file < "0008"), files.filter((file) => file >= "0008")];
  for (const file of before) live.exec(readFileSync(path.join(MIGRATIONS, file), "utf8"));
  const at = "2026-10-05T00:00:00.000Z";
  for (const [id, status] of [
    ["t1", "Active"],
    ["t2", "Purging"],
  ]) {
    live.exec(`INSERT INTO tenants_master (tenant_id, slug, short_id, type, plan_id, status, status_changed_at, region,
      created_at, updated_at) VALUES ('${id}', '${id}', '${id}', 'standard', 'pro', '${status}', '${at}', 'eu', '${at}', '${at}')`);
  }
  live.exec(
    `INSERT INTO usage_cycle_totals VALUES ('t1', 'm', '2026-10', '2026-10', 5, 1, 4, 8, 'eur', '{}', 'd', '${at}')`,
  );
  live.exec(`INSERT INTO stripe_usage_outbox VALUES
    ('t1', 'm', '2026-10', '2026-10', 'invoice_item', 'prego_1', '{}', 'sent', '${at}', 3, '${at}', 'ii_1', NULL, 'trace_1', '${at}', '${at}')`);
  for (const file of after) live.exec(readFileSync(path.join(MIGRATIONS, file), "utf8"));
  expect(live.prepare("SELECT tenant_id, effective_from, plan_id, source FROM tenant_plans").all()).toEqual([
    { tenant_id: "t1", effective_from: at, plan_id: "pro", source: "backfill" },
  ]);
  expect(live.prepare("SELECT part, qty, included, overage, amount_minor FROM usage_cycle_totals").all()).toEqual([
    { part: "", qty: 5, included: 1, overage: 4, amount_minor: 8 },
  ]);
  expect(live.prepare("SELECT part, status, attempts, stripe_id, trace_id FROM stripe_usage_outbox").all()).toEqual([
    { part: "", status: "sent", attempts: 3, stripe_id: "ii_1", trace_id: "trace_1" },
  ]);
  expect(() => live.exec("UPDATE usage_cycle_totals SET part = 'x'")).toThrow("written once");
});

test("every table of the schema has a docstring, and every schema file was looked at", () => {
  const sources = listFiles("packages/core/src/schema").filter(
    (file) => !/index\.ts|columns\.ts|\.test\.ts/.test(file),
  );
  expect(sources.length).toBeGreaterThan(5);
  for (const file of sources) {
    const { text } = readSource(file);
    const exported = [...text.matchAll(/^export const /gm)].length;
    expect([...text.matchAll(/\*\/\nexport const /g)].length, file).toBe(exported);
  }
});
