/** Cycles one run may open: two years of missed crons, then the next run carries on. */
export const CYCLES_OPENED_PER_RUN_MAX = 24;
/** Tenants read and committed together: a query of each kind and a batch serve them all. */
export const TENANTS_PER_PAGE = 50;
/** Meters of one tenant in one cycle: their lines fit into one batch with room. More is a sender's mistake. */
export const METERS_PER_TENANT_MAX = 1_000;
/** Meters, per part, whose hours are read together for a group: a full month of one is some 42 kB of text. */
export const METERS_PER_READ_MAX = 300;
/** Statements about the plans of the tenants of one page in one cycle. */
export const PLAN_CHANGES_MAX = 10_000;
/** Versions of one plan that are looked at, the newest ones. */
export const PLAN_VERSIONS_MAX = 500;
/** Lines after which a batch takes no further tenant; a tenant with more has a batch for itself. */
export const LINES_PER_BATCH = 1_000;
/** Characters of JSON that one statement writes: at most 3 bytes each, below D1's 2 MB per parameter. */
export const STATEMENT_JSON_CHARS_MAX = 600_000;
/** Rows of late usage read at once, and billed by one close of a tenant; the rest is billed by the next one. */
export const LATE_ROWS_PER_TENANT_MAX = 4_000;
/** Stored lines read at once to price late usage. */
export const STORED_LINES_MAX = 5_000;
/** Tenants whose lines a dry run prints for one cycle. */
export const DRY_RUN_TENANTS_MAX = 100;
/** Failures listed with their reason in one report; the rest is counted. */
export const FAILURES_LISTED_MAX = 50;
/** D1 queries left for ending the run when the work stops: D1 allows 1,000 per invocation. */
export const QUERIES_RESERVED = 120;
/** D1 queries that closing leaves to sending, so that charges leave while the fleet is still being closed. */
export const QUERIES_FOR_SENDING = 400;
/** Calls to Stripe after which a run takes no more: an invocation has 10,000 subrequests, those to D1 included. */
export const STRIPE_CALLS_PER_RUN_MAX = 8_500;
/** Storage errors in a row after which a run stops instead of failing every tenant. */
export const STORAGE_ERRORS_IN_A_ROW_MAX = 3;
/** How long a bounded cycle waits for its last objects: then one that cannot be read holds up its own tenant alone. */
export const OBJECT_WAIT_MS = 24 * 60 * 60 * 1_000;
/** Tenants with waiting objects that are named in a report; the guard of a tenant's batch holds back any more. */
export const WAITING_TENANTS_MAX = 10_000;
/** Clocks of workers may differ by this much. */
export const CLOCK_MARGIN_MS = 5 * 60 * 1_000;

/** Outbox rows claimed and recorded together. */
export const SENDS_PER_CHUNK = 160;
/** Calls under way at once, each for another customer: a Worker has six connections that wait for an answer. */
export const SENDS_AT_ONCE = 6;
/** Invoices for ended subscriptions that one run plans, and that it makes; the rest is for the next run. */
export const INVOICES_PER_RUN_MAX = 50;
/** Pending items that Stripe takes into one invoice. */
export const ITEMS_PER_INVOICE_MAX = 250;
/** Time for which a claimed row belongs to its run. */
export const CLAIM_HOLD_MS = 5 * 60 * 1_000;
/** Pages of 100 that a look-up reads before it says that it does not know. */
export const LOOK_UP_PAGES_MAX = 20;
/** Longest wait that a `Retry-After` may ask for. */
export const RETRY_AFTER_MS_MAX = 60 * 60 * 1_000;
/** A charge that is pending after more attempts, over eight hours, is counted for a person to see. */
export const ATTEMPTS_UNNOTICED_MAX = 5;
/** How often an operator may send one rejected charge again. */
export const RESENDS_MAX = 20;
/** Digits of a meter event's value: Stripe refuses more. */
export const METER_VALUE_DIGITS_MAX = 15;

/** How long after sending meter events Stripe's error reports are looked for. */
export const METER_REPORT_WATCH_MS = 3 * 24 * 60 * 60 * 1_000;
/** Error reports read by one run. */
export const METER_REPORTS_PER_RUN_MAX = 20;

/** How long Stripe may take to count a meter event before sums are compared. */
export const SUM_DELAY_MS = 6 * 60 * 60 * 1_000;
/** Time between two comparisons of one sum. */
export const SUM_REPEAT_MS = 24 * 60 * 60 * 1_000;
/** How long after the end of a cycle its sums are compared again. */
export const SUM_WATCH_MS = 10 * 24 * 60 * 60 * 1_000;
/** Sums compared by one run: each takes one call to Stripe. */
export const SUMS_PER_RUN_MAX = 50;

/** Raw objects that an explanation lists, and a recomputation reads. */
export const EXPLAIN_OBJECTS_MAX = 2_000;
/** Raw bytes that a recomputation reads. */
export const RECOMPUTE_BYTES_MAX = 512 * 1024 * 1024;
/** Distinct values that a recomputation counts: some 30 MB of digests. */
export const RECOMPUTE_VALUES_MAX = 200_000;
