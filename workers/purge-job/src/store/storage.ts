import { commit, openDatabase, type Database, type Statement } from "@prego/core/store";
import { QUERIES_PER_RUN_MAX } from "../limits.ts";

/** D1 and R2 of one run, and how many queries it has made: D1 allows an invocation only so many. */
export interface PurgeStorage {
  db: Database;
  bucket: R2Bucket;
  queries: { used: number };
}

export const openStorage = (bindings: { DB: D1Database; BUCKET: R2Bucket }): PurgeStorage => ({
  db: openDatabase(bindings.DB),
  bucket: bindings.BUCKET,
  queries: { used: 0 },
});

export const hasQueriesLeft = (storage: PurgeStorage): boolean => storage.queries.used < QUERIES_PER_RUN_MAX;

type Row = Record<string, unknown>;

/** Runs statements as one transaction and counts them. */
export function write(storage: PurgeStorage, statements: readonly Statement[]): Promise<D1Result<Row>[]> {
  storage.queries.used += statements.length;
  return commit(storage.db, statements);
}

/** Rows of one query. */
export async function read<R>(storage: PurgeStorage, statement: Statement): Promise<R[]> {
  const [result] = await write(storage, [statement]);
  return (result?.results ?? []) as R[];
}
