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
