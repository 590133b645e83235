import { USAGE_EVENTS_PER_REQUEST_MAX } from "@prego/core/limits";
import { ProblemError } from "@prego/core/problem";
import {
  ExactJsonError,
  parseExactJson,
  parseUsageEvent,
  type UsageEventContext,
  type UsageEventResult,
} from "@prego/core/usage-event";
import type { EventFault } from "./event-result.ts";

/** An event that was read, or its faults. */
export type ReadEvent = UsageEventResult | { ok: false; errors: EventFault[] };

/** The events of a request, and whether it was one event rather than a list. */
export interface ReadRequest {
  events: ReadEvent[];
  single: boolean;
}

/** Reads the body of `POST /usage` in JSON: one event or an array. */
export function readUsageJson(body: Uint8Array, context: UsageEventContext): ReadRequest {
  const value = parseBody(body);
  if (!Array.isArray(value)) return { events: [parseUsageEvent(value, context)], single: true };
  requireEventCount(value.length);
  return { events: value.map((item: unknown) => parseUsageEvent(item, context)), single: false };
}

/** Reads NDJSON: one event a line, blank lines passed over. A line that cannot be read costs only itself. */
export function readUsageLines(body: Uint8Array, context: UsageEventContext): ReadRequest {
  const lines = splitLines(body);
  requireEventCount(lines.length);
  return { events: lines.map((line) => readLine(line, context)), single: false };
}

/**
 * Parses a JSON body, digits of quantities kept.
 * @throws ProblemError for bytes that are not UTF-8 and for text that is not JSON.
 */
export function parseBody(body: Uint8Array, exactKeys?: ReadonlySet<string>): unknown {
  try {
    return parseExactJson(decode(body), exactKeys);
  } catch (error) {
    throw new ProblemError("malformed_request", {
      detail: error instanceof ExactJsonError ? `The body cannot be read: ${error.message}.` : "The body is not UTF-8.",
    });
  }
}

/** @throws ProblemError for no events and for too many. */
export function requireEventCount(count: number): void {
  if (count === 0) throw new ProblemError("validation_failed", { detail: "At least one event is expected." });
  if (count > USAGE_EVENTS_PER_REQUEST_MAX) {
    throw new ProblemError("payload_too_large", {
      detail: `At most ${USAGE_EVENTS_PER_REQUEST_MAX} events a request.`,
    });
  }
}

// Not lenient: replaced bytes would make two ids the same text.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
const decode = (bytes: Uint8Array): string => decoder.decode(bytes);

const LINE_FEED = 0x0a;

function splitLines(body: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < body.length;) {
    const found = body.indexOf(LINE_FEED, start);
    const end = found === -1 ? body.length : found;
    const line = body.subarray(start, end);
    if (line.some((byte) => byte > 0x20)) lines.push(line);
    if (lines.length > USAGE_EVENTS_PER_REQUEST_MAX) return lines;
    start = end + 1;
  }
  return lines;
}

function readLine(line: Uint8Array, context: UsageEventContext): ReadEvent {
  try {
    return parseUsageEvent(parseExactJson(decode(line)), context);
  } catch {
    return { ok: false, errors: [{ pointer: "", code: "malformed_line", message: "the line is not JSON in UTF-8" }] };
  }
}
