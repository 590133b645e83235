/** Cycles one run may open: two years of missed crons, then the next run carries on. */
export const CYCLES_OPENED_PER_RUN_MAX = 24;
/** Tenants read at once while closing. */
export const TENANTS_PER_PAGE = 50;
/** Meters of one tenant in one cycle: their lines fit into one batch with room. More is a sender's mistake. */
export const METERS_PER_TENANT_MAX = 1_000;
/** Lines written by one statement: about 1.5 kB each, below D1's 2 MB per parameter. */
export const LINES_PER_STATEMENT = 500;
/** Rows of late usage billed by one close of a tenant; the rest is billed by the next one. */
export const LATE_ROWS_PER_TENANT_MAX = 4_000;
/** Stored lines read to price late usage. */
export const STORED_LINES_MAX = 5_000;
/** Tenants whose lines a dry run prints for one cycle. */
export const DRY_RUN_TENANTS_MAX = 100;
/** Failures listed with their reason in one report; the rest is counted. */
export const FAILURES_LISTED_MAX = 50;
/** D1 queries left for ending the run when the work stops: D1 allows 1,000 per invocation. */
export const QUERIES_RESERVED = 120;
/** Storage errors in a row after which a run stops instead of failing every tenant. */
export const STORAGE_ERRORS_IN_A_ROW_MAX = 3;
/** How long a bounded cycle waits for its last objects: then one that cannot be read holds up its own tenant alone. */
export const OBJECT_WAIT_MS = 24 * 60 * 60 * 1_000;
/** Tenants with waiting objects that are named in a report; the guard of a tenant's batch holds back any more. */
export const WAITING_TENANTS_MAX = 10_000;
/** Clocks of workers may differ by this much. */
export const CLOCK_MARGIN_MS = 5 * 60 * 1_000;

/** Outbox rows claimed and recorded together. */
export const SENDS_PER_CHUNK = 20;
/** Invoices for ended subscriptions that one run plans, and that it makes; the rest is for the next run. */
export const INVOICES_PER_RUN_MAX = 50;
/** Time for which a claimed row belongs to its run. */
export const CLAIM_HOLD_MS = 5 * 60 * 1_000;
/** Pages of 100 that a look-up reads before it says that it does not know. */
export const LOOK_UP_PAGES_MAX = 20;
/** Longest wait that a `Retry-After` may ask for. */
export const RETRY_AFTER_MS_MAX = 60 * 60 * 1_000;
/** A charge that is pending after more attempts, over eight hours, is counted for a person to see. */
export const ATTEMPTS_UNNOTICED_MAX = 5;
/** Digits of a meter event's value: Stripe refuses more. */
export const METER_VALUE_DIGITS_MAX = 15;

/** How long after sending meter events Stripe's error reports are looked for. */
export const METER_REPORT_WATCH_MS = 3 * 24 * 60 * 60 * 1_000;
/** Error reports read by one run. */
export const METER_REPORTS_PER_RUN_MAX = 20;

/** Raw objects that an explanation lists, and a recomputation reads. */
export const EXPLAIN_OBJECTS_MAX = 2_000;
/** Raw bytes that a recomputation reads. */
export const RECOMPUTE_BYTES_MAX = 512 * 1024 * 1024;
