import { sql, type SQL } from "drizzle-orm";
import type { Statement } from "./database.ts";

/**
 * Aborts the batch unless the statement right before it changed exactly `expected` rows.
 * The failure is recognised by `isGuardFailure` of `@prego/core/d1-error`.
 */
export const requireChanged = (expected = 1): Statement =>
  expected === 1
    ? ONE_CHANGED
    : sql`INSERT INTO batch_guard (actual, expected) VALUES (changes(), CAST(${expected} AS INTEGER))`;

const ONE_CHANGED = sql.raw("INSERT INTO batch_guard (actual, expected) VALUES (changes(), 1)");

/** Aborts the batch unless a boolean SQL expression holds at this point of the transaction. */
export const requireTrue = (condition: SQL): Statement =>
  sql`INSERT INTO batch_guard (actual, expected) VALUES ((${condition}), 1)`;
