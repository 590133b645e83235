import { getTableColumns, SQL, sql } from "drizzle-orm";
import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import { SQLiteAsyncDialect, type SQLiteTable } from "drizzle-orm/sqlite-core";
import { BATCH_STATEMENTS_MAX } from "../limits.ts";

/** The one D1 database behind drizzle. */
export type Database = DrizzleD1Database & { $client: D1Database };

/** One statement of a batch: a drizzle query that was not awaited, or a `sql` template. */
export type Statement = SQL | { toSQL(): { sql: string; params: unknown[] } };

const dialect = new SQLiteAsyncDialect();

/** Opens drizzle on a D1 binding. */
export const openDatabase = (binding: D1Database): Database => drizzle(binding);

/**
 * Runs statements as one transaction, in order: all or none. Returns D1's result per statement, rows as stored.
 * Statements are built here because drizzle's own `batch` loses the parameters of `sql` templates.
 * @throws RangeError for an empty list or more than BATCH_STATEMENTS_MAX statements; D1's own error when one fails.
 */
export async function commit(
  db: Database,
  statements: readonly Statement[],
): Promise<D1Result<Record<string, unknown>>[]> {
  if (statements.length === 0 || statements.length > BATCH_STATEMENTS_MAX) {
    throw new RangeError(`a batch takes 1 to ${BATCH_STATEMENTS_MAX} statements, got ${statements.length}`);
  }
  return db.$client.batch<Record<string, unknown>>(
    statements.map((statement) => {
      const { sql, params } = statement instanceof SQL ? dialect.sqlToQuery(statement) : statement.toSQL();
      return db.$client.prepare(sql).bind(...params);
    }),
  );
}

/** Every column of a table under the name that its rows have in code; made once, for queries that run often. */
export const columnsOf = (table: SQLiteTable): SQL =>
  sql.raw(
    Object.entries(getTableColumns(table))
      .map(([name, column]) => `"${column.name}" AS "${name}"`)
      .join(", "),
  );

/** Rows per query of {@link readTogether}. */
type RowsOf<Queries extends readonly SQL[]> = {
  [Index in keyof Queries]: Queries[Index] extends SQL<infer Row> ? Row[] : never;
};

/** Reads in one call, as of one moment. Rows have the names that their query gives the columns. */
export async function readTogether<const Queries extends readonly SQL[]>(
  db: Database,
  queries: Queries,
): Promise<RowsOf<Queries>> {
  const results = await commit(db, queries);
  return results.map(({ results: rows }) => rows) as unknown as RowsOf<Queries>;
}
