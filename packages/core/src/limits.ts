/** D1 refuses a statement with more bound parameters. */
export const D1_BOUND_PARAMETERS_MAX = 100;
/** D1 refuses a longer statement text. */
export const D1_STATEMENT_BYTES_MAX = 100_000;
/** D1's largest row, string or blob; the local runtime does not enforce it. */
export const D1_ROW_BYTES_MAX = 2_000_000;
/** D1 queries one invocation may make, each statement of a batch counted; the local runtime does not enforce it. */
export const D1_QUERIES_PER_INVOCATION_MAX = 1_000;
/** Statements in one batch of ours: keeps a batch far below D1's 30 s and leaves queries for the rest of a run. */
export const BATCH_STATEMENTS_MAX = 200;

/** Meters that a deployment may define; everyone who needs their definitions reads all of them. */
export const METERS_MAX = 1_000;

/** R2 lists and deletes at most this many keys a call; the local runtime accepts more on delete. */
export const R2_KEYS_PER_CALL_MAX = 1_000;
/** R2's longest key. */
export const R2_KEY_BYTES_MAX = 1_024;

/** Memory of one isolate; code that streams stays below half of it. */
export const ISOLATE_MEMORY_BYTES_MAX = 128 * 1024 * 1024;

/** Largest body of a Stripe webhook that is read: real ones stay below 20 kB. */
export const WEBHOOK_BODY_BYTES_MAX = 256 * 1024;
/** Largest body of a usage request: 1,000 events of 1 kB. */
export const USAGE_BODY_BYTES_MAX = 1024 * 1024;
/** Largest body of a metrics report: 100 samples or one OTLP export of a host. */
export const METRICS_BODY_BYTES_MAX = 256 * 1024;
/** Largest body of any other JSON request. */
export const JSON_BODY_BYTES_MAX = 64 * 1024;

/** Events in one usage request, as in the other metering systems. */
export const USAGE_EVENTS_PER_REQUEST_MAX = 1_000;
/** Deepest nesting of a JSON body: deeper ones break serialisers further on. */
export const JSON_DEPTH_MAX = 32;
/** How old an event may be: Stripe accepts meter events of the last 35 days. */
export const EVENT_AGE_MS_MAX = 35 * 24 * 60 * 60 * 1_000;
/** How far ahead an event's clock may be, as at Stripe. */
export const EVENT_AHEAD_MS_MAX = 5 * 60 * 1_000;
/** How long a tenant's answer may be cached, so that ingest costs no database read per event. */
export const TENANT_CACHE_MS_MAX = 60 * 1_000;
/** Tenants an isolate remembers. */
export const TENANT_CACHE_ENTRIES_MAX = 10_000;

/** Time a job run gives itself; crons may run 15 minutes, HTTP callers wait less. */
export const JOB_RUN_BUDGET_MS = 4 * 60 * 1_000;
/** How long a lease outlives its last sign of life: longer than any run takes. */
export const JOB_LEASE_MS = 5 * 60 * 1_000;

/** Timestamps of a signed webhook may differ this much from our clock, on either side. */
export const WEBHOOK_TOLERANCE_SECONDS = 300;
/** Signatures read from one webhook header: two secrets during a roll, and room. */
export const WEBHOOK_SIGNATURES_MAX = 5;
/** A call to another service is given up after this. */
export const OUTBOUND_TIMEOUT_MS = 20_000;
/** Attempts of a dispatch before it is failed for a person to look at. */
export const OUTBOX_ATTEMPTS_MAX = 8;
/** Stripe keeps v1 idempotency keys and meter identifiers for 24 h; one hour is left for clocks and slow calls. */
export const STRIPE_KEY_REUSE_MS_MAX = 23 * 60 * 60 * 1_000;

/** Rows of one page of any list. */
export const PAGE_ROWS_MAX = 500;
/** Rows of one page when the caller does not say. */
export const PAGE_ROWS_DEFAULT = 100;
/** Days between the end of a subscription and the purge. */
export const PURGE_DELAY_MS = 30 * 24 * 60 * 60 * 1_000;
