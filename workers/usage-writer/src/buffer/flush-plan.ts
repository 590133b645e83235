import { FLUSH_BACKOFF_MS_MAX, FLUSH_CHARS, FLUSH_CHARS_MAX, FLUSH_EVENTS, FLUSH_EVENTS_MAX } from "../limits.ts";

/** Size of a buffered batch. */
export interface BatchSize {
  seq: number;
  events: number;
  chars: number;
}

/** Batches `first` to `last`, both included, that go to R2 together. */
export interface FlushPlan {
  first: number;
  last: number;
}

const HOUR_MS = 3_600_000;
const BACKOFF_MS_MIN = 1_000;

/** The oldest batches that fit into one flush, at least one; undefined if there are none. */
export function planFlush(batches: readonly BatchSize[]): FlushPlan | undefined {
  const [oldest] = batches;
  if (oldest === undefined) return undefined;
  const plan = { first: oldest.seq, last: oldest.seq };
  let { events, chars } = oldest;
  for (const batch of batches.slice(1)) {
    events += batch.events;
    chars += batch.chars;
    if (events > FLUSH_EVENTS_MAX || chars > FLUSH_CHARS_MAX) break;
    plan.last = batch.seq;
  }
  return plan;
}

/** Name of a flush's objects; with the hour in front it is unique, and the same however often the flush is tried. */
export function objectName(shard: number, { first, last }: FlushPlan): string {
  return `s${shard}-${first}-${last}`;
}

/** When what is buffered must go: at once if it is much, else after the flush time and at the end of the hour. */
export function flushDueMs(
  buffered: { events: number; chars: number; sinceMs: number },
  flushMs: number,
  nowMs: number,
): number {
  if (buffered.events >= FLUSH_EVENTS || buffered.chars >= FLUSH_CHARS) return nowMs;
  const hourEndMs = (Math.floor(buffered.sinceMs / HOUR_MS) + 1) * HOUR_MS;
  return Math.min(buffered.sinceMs + flushMs, hourEndMs);
}

/** Wait before the next attempt, doubled with each failure. */
export function backoffMs(failures: number): number {
  return Math.min(FLUSH_BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failures - 1, 16));
}
