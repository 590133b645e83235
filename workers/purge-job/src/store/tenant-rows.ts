import { sql, type SQL } from "drizzle-orm";
import type { Statement } from "@prego/core/store";
import { TENANT_TABLES, type TenantTable } from "@prego/core/tenant-data";
import { ERASED_STORES } from "../plan.ts";
import { read, type PurgeStorage } from "./storage.ts";

/** Whose rows are meant, and what takes the place of the id in rows that stay. */
export interface TenantScope {
  tenantId: string;
  pseudonym: string;
  /** Trace id of the journey that made the tenant, unless another tenant carries it too. */
  journeyTraceId: string | null;
}

/** Tables that a purge empties of the tenant, in order. */
export const ERASED_TABLES: readonly TenantTable[] = (TENANT_TABLES as readonly TenantTable[]).filter((entry) =>
  ERASED_STORES.includes(entry.table),
);

export const findErasedTable = (step: string): TenantTable | undefined =>
  ERASED_TABLES.find((entry) => entry.table === step);

const names = (columns: readonly string[]): SQL =>
  sql.join(
    columns.map((column) => sql.identifier(column)),
    sql`, `,
  );

/** Rows of the tenant that are not yet as the purge leaves them. */
function residueOf(entry: TenantTable, scope: TenantScope): SQL {
  const tenant = sql.identifier(entry.tenantColumn);
  const owned =
    entry.includesJourney === true && scope.journeyTraceId !== null
      ? sql`(${tenant} = ${scope.tenantId} OR (${tenant} IS NULL AND trace_id = ${scope.journeyTraceId}))`
      : sql`${tenant} = ${scope.tenantId}`;
  if (entry.treatment.kind !== "redact") return owned;
  const filled = entry.treatment.columns.map((column) => sql`${sql.identifier(column)} IS NOT NULL`);
  return sql`${owned} AND (${sql.join(filled, sql` OR `)})`;
}

/** True when no row of the tenant is left in the table. */
export const isEmptyOf = (entry: TenantTable, scope: TenantScope): SQL =>
  sql`NOT EXISTS (SELECT 1 FROM ${sql.identifier(entry.table)} WHERE ${residueOf(entry, scope)})`;

/** Treats up to `rows` rows of a table as the registry says. */
export function eraseRows(entry: TenantTable, scope: TenantScope, rows: number): Statement {
  const table = sql.identifier(entry.table);
  const chunk = sql`(${names(entry.key)}) IN (SELECT ${names(entry.key)} FROM ${table}
    WHERE ${residueOf(entry, scope)} LIMIT CAST(${rows} AS INTEGER))`;
  switch (entry.treatment.kind) {
    case "erase":
      return sql`DELETE FROM ${table} WHERE ${chunk}`;
    case "redact":
      return sql`UPDATE ${table} SET ${assignments(
        entry.treatment.columns.map((column) => [column, sql`NULL`]),
      )} WHERE ${chunk}`;
    case "pseudonymise":
      return sql`UPDATE ${table} SET ${assignments(pseudonymOf(entry, scope))} WHERE ${chunk}`;
    case "retain":
      throw new Error(`${entry.table} is kept`);
  }
}

const assignments = (pairs: readonly (readonly [string, SQL])[]): SQL =>
  sql.join(
    pairs.map(([column, value]) => sql`${sql.identifier(column)} = ${value}`),
    sql`, `,
  );

function pseudonymOf(entry: TenantTable, scope: TenantScope): [string, SQL][] {
  if (entry.treatment.kind !== "pseudonymise") return [];
  const { clear, derivedColumn, halt } = entry.treatment;
  const set: [string, SQL][] = [[entry.tenantColumn, sql`${scope.pseudonym}`]];
  for (const [column, text] of Object.entries(clear)) set.push([column, text === null ? sql`NULL` : sql`${text}`]);
  if (derivedColumn !== undefined) {
    const rest = entry.key.filter((column) => column !== entry.tenantColumn);
    const parts = [sql`${scope.pseudonym}`, ...rest.map((column) => sql.identifier(column))];
    set.push([derivedColumn, sql.join(parts, sql` || '/' || `)]);
  }
  if (halt !== undefined) {
    const column = sql.identifier(halt.column);
    set.push([halt.column, sql`CASE WHEN ${column} = ${halt.from} THEN ${halt.to} ELSE ${column} END`]);
  }
  return set;
}

/** Rows of the tenant that a purge has yet to treat, per table. */
export async function countResidue(storage: PurgeStorage, scope: TenantScope): Promise<Record<string, number>> {
  const counts = ERASED_TABLES.map(
    (entry) =>
      sql`(SELECT count(*) FROM ${sql.identifier(entry.table)} WHERE ${residueOf(entry, scope)}) AS ${sql.identifier(entry.table)}`,
  );
  const [row] = await read<Record<string, number>>(storage, sql`SELECT ${sql.join(counts, sql`, `)}`);
  return row ?? {};
}

/** Rows that outlive the purge, per table of the registry that is not erased. */
export async function countRetained(storage: PurgeStorage, scope: TenantScope): Promise<Record<string, number>> {
  const kept = (TENANT_TABLES as readonly TenantTable[]).filter((entry) => entry.treatment.kind !== "erase");
  const counts = kept.map((entry) => {
    const id = entry.treatment.kind === "pseudonymise" ? scope.pseudonym : scope.tenantId;
    const table = sql.identifier(entry.table);
    return sql`(SELECT count(*) FROM ${table} WHERE ${sql.identifier(entry.tenantColumn)} = ${id}) AS ${table}`;
  });
  const [row] = await read<Record<string, number>>(storage, sql`SELECT ${sql.join(counts, sql`, `)}`);
  return row ?? {};
}
