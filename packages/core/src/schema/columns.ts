import { sql, type SQL } from "drizzle-orm";
import { customType, text, type SQLiteColumn } from "drizzle-orm/sqlite-core";

/**
 * A 64-bit integer as bigint. D1 binds JS numbers as REAL and refuses bigint, so values travel as decimal text
 * under `CAST(? AS INTEGER)`. Reading one that a JS number cannot hold throws: select it through {@link exact}.
 */
export const int64 = customType<{ data: bigint; driverData: unknown }>({
  dataType: () => "integer",
  toDriver: (value) => sql`CAST(${value.toString()} AS INTEGER)`,
  fromDriver: (value) => {
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new RangeError("an int64 column was read as a rounded number; select it through exact()");
    }
    return BigInt(value as number | string);
  },
});

/** Selects an {@link int64} column or integer expression without rounding: `CAST(x AS TEXT)` read as bigint. */
export const exact = (expression: SQLiteColumn | SQL): SQL<bigint> =>
  sql<bigint>`CAST(${expression} AS TEXT)`.mapWith((value: string) => BigInt(value));

/** ISO 8601 UTC with milliseconds, such as `2026-11-21T02:16:33.123Z`. */
export const instant = (name: string) => text(name);
