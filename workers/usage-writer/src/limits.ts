/** Events buffered in one object before it refuses more: about 40 flushes, an hour of R2 being away at 55 events/s. */
export const BACKLOG_EVENTS_MAX = 200_000;
/** Characters buffered in one object before it refuses more. They lie in its storage, not in memory. */
export const BACKLOG_CHARS_MAX = 64 * 1024 * 1024;
/** Ids buffered in one object before it refuses more: events' and requests' own. All of them are in memory too. */
export const BACKLOG_IDS_MAX = 250_000;
/** How long a refused sender is asked to wait: one attempt of the longest backoff. */
export const BUSY_RETRY_AFTER_SECONDS = 60;

/** Buffered events that start a flush at once. */
export const FLUSH_EVENTS = 5_000;
/** Buffered characters that start a flush at once. */
export const FLUSH_CHARS = 1024 * 1024;
/** Most characters of one flush: its texts and bytes are in memory together, at most 16 MB in UTF-8. */
export const FLUSH_CHARS_MAX = 4 * 1024 * 1024;
/** Buffered ids that start a flush at once: requests with an Idempotency-Key bring ids without events. */
export const FLUSH_IDS = 20_000;
/** Most ids of one flush: they make one row of 0.96 MB; a row takes 2 MB. */
export const FLUSH_IDS_MAX = 40_000;
/** Objects put at the same time: a Worker has six connections that wait for an answer. */
export const PUTS_AT_ONCE_MAX = 6;
/** Longest wait between two attempts of a failing flush. */
export const FLUSH_BACKOFF_MS_MAX = 60_000;

/** Characters of one batch row. UTF-8 needs up to three bytes each, a row takes 2 MB. */
export const BATCH_CHARS_MAX = 500_000;

/** Ids of one batch row: claims bring no characters that would end it. */
export const BATCH_IDS_MAX = 5_000;

/** Ids noted for repeated requests with an Idempotency-Key: 2.4 MB. Beyond it a repeat calls old duplicates accepted. */
export const REPLAY_IDS_MAX = 100_000;
/** How long a repeated request is told which of its events were duplicates at first. */
export const REPLAY_WINDOW_MS = 3 * 24 * 60 * 60 * 1_000;

/** Recent ids held exactly in memory before the flushed ones move to sorted pages: with those buffered, a table of 6 MB. */
export const HOT_IDS_MAX = 98_304;
/** Ids of one sorted page: 48 KB, read whole when its filter says maybe. */
export const PAGE_IDS = 2_048;
/** Memory for the filters of pages, 29 million ids. Pages beyond it are read at each look-up: correct, and slow enough to see. */
export const FILTER_BYTES_MAX = 58_000_000;
/** Ids sealed in one such span of time become one run. They are forgotten with the newest of them, so up to a span late. */
export const RUN_SPAN_MS = 4 * 24 * 60 * 60 * 1_000;
/** Runs of the current span before some of them become one. */
export const RUNS_PER_SPAN_MAX = 4;
/** Most pages that become one run: 4 million ids, a second or two of work. */
export const MERGE_PAGES_MAX = 2_048;
/** Pages merged at a stretch: 100,000 ids, some 50 ms in which no request is taken. */
export const MERGE_STEP_PAGES = 48;
/** How long an id is remembered: the oldest event that is taken, and a day for clocks and for the daily run. */
export const DEDUPE_WINDOW_MS = 36 * 24 * 60 * 60 * 1_000;
/** How often an object with ids looks after them. */
export const MAINTENANCE_MS = 24 * 60 * 60 * 1_000;
/** How often an object without ids asks whether its tenant is gone. */
export const IDLE_MAINTENANCE_MS = 7 * MAINTENANCE_MS;

/** Shards of one tenant: each is a Durable Object of about 5,000 requests/s. */
export const SHARDS_MAX = 64;
/** How long an unknown tenant stays unknown: a new customer's first event must not fail for a minute. */
export const UNKNOWN_TENANT_CACHE_MS = 1_000;
/** How long the meters' rules may be cached. */
export const METER_CACHE_MS = 60_000;
/** How much longer they may be while the database does not answer. */
export const METER_CACHE_OUTAGE_MS = 10 * 60_000;
/** How long a sender is asked to wait when a store behind this worker fails. */
export const RETRY_AFTER_SECONDS = 5;
/** Attempts at an object that reports a passing failure. */
export const APPEND_ATTEMPTS_MAX = 3;
/** Reasons listed in one problem. */
export const PROBLEM_ERRORS_MAX = 100;
