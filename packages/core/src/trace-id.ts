import { encodeUlid } from "./ulid.ts";

/** What every trace id begins with. */
export const TRACE_ID_PREFIX = "trace_";
/** Longest trace id, prefix included. */
export const TRACE_ID_CHARS_MAX = 128;

const TRACE_ID_PATTERN = /^trace_[A-Za-z0-9_-]{1,122}$/;
/** Longer values are refused before they are trimmed: white space is not worth reading megabytes for. */
const UNTRIMMED_CHARS_MAX = 2 * TRACE_ID_CHARS_MAX;

/**
 * The single gate for trace ids from headers, bodies, filters, Stripe metadata and database writes.
 * @returns the trimmed id (prefix `trace_`, at most 128 characters of `[A-Za-z0-9_-]`, at least one after the prefix),
 * or null for anything else, which is then dropped: never echoed, stored or a reason to fail.
 */
export function sanitizeTraceIdValue(value: unknown): string | null {
  if (typeof value !== "string" || value.length > UNTRIMMED_CHARS_MAX) return null;
  const text = value.trim();
  return TRACE_ID_PATTERN.test(text) ? text : null;
}

/**
 * A new trace id: `trace_` and a ULID.
 * @param nowMs epoch milliseconds.
 * @param random at least 10 random bytes.
 * @throws RangeError for a time outside of 0..2^48-1 or too few random bytes.
 */
export function newTraceId(nowMs: number, random: Uint8Array): string {
  return TRACE_ID_PREFIX + encodeUlid(nowMs, random);
}
