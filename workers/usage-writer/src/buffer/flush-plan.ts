import {
  FLUSH_BACKOFF_MS_MAX,
  FLUSH_CHARS,
  FLUSH_CHARS_MAX,
  FLUSH_EVENTS,
  FLUSH_IDS,
  FLUSH_IDS_MAX,
} from "../limits.ts";

/** Size of a buffered batch. */
export interface BatchSize {
  seq: number;
  events: number;
  chars: number;
  idCount: number;
}

/** Batches `first` to `last`, both included, that go to R2 together. */
export interface FlushPlan {
  first: number;
  last: number;
}

const HOUR_MS = 3_600_000;
const BACKOFF_MS_MIN = 1_000;

/** The oldest batches that fit into one flush, at least one; undefined if there are none. */
export function planFlush(batches: Iterable<BatchSize>): FlushPlan | undefined {
  let plan: FlushPlan | undefined;
  let [idsTotal, charsTotal] = [0, 0];
  for (const { seq, idCount, chars } of batches) {
    idsTotal += idCount;
    charsTotal += chars;
    if (plan !== undefined && (idsTotal > FLUSH_IDS_MAX || charsTotal > FLUSH_CHARS_MAX)) break;
    plan = { first: plan?.first ?? seq, last: seq };
  }
  return plan;
}

/** Name of a flush's objects; with the hour in front it is unique, and the same however often the flush is tried. */
export function objectName(shard: number, { first, last }: FlushPlan): string {
  return `s${shard}-${first}-${last}`;
}

/** Rows since a flush began, and the arrival of the first of them. */
export interface FreshRows {
  events: number;
  chars: number;
  idCount: number;
  sinceMs: number | undefined;
}

/** When fresh rows must go: at once if they hold much, else after the flush time or at the end of the hour. */
export function flushDueMs({ events, chars, idCount, sinceMs }: FreshRows, flushMs: number, nowMs: number): number {
  if (events >= FLUSH_EVENTS || chars >= FLUSH_CHARS || idCount >= FLUSH_IDS) return nowMs;
  const startMs = sinceMs ?? nowMs;
  const hourEndMs = (Math.floor(startMs / HOUR_MS) + 1) * HOUR_MS;
  return Math.min(startMs + flushMs, hourEndMs);
}

/** Wait before the next attempt, doubled with each failure. */
export function backoffMs(failures: number): number {
  return Math.min(FLUSH_BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failures - 1, 16));
}
