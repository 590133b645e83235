import type { Usage } from "./price-list.ts";

/** What a million events cost if each were an R2 object: its put, and the get that reads it for the bill. */
export const R2_PUT_PER_EVENT: Usage = { r2ClassA: 1_000_000, r2ClassB: 1_000_000 };

/** What a million events cost if each were a D1 row, keyed by its id without a second index: its insert and its delete. */
export const D1_INSERT_PER_EVENT: Usage = { d1RowsWritten: 2_000_000 };
