import { sql, type SQL } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";

/** NULL equals NULL, as SQL's `=` does not. */
export const is = (column: SQLiteColumn, value: string | number | null): SQL => sql`${column} IS ${value}`;
