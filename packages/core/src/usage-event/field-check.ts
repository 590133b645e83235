import { isMeterKey, isTenantId } from "../id.ts";
import { EVENT_AGE_MS_MAX, EVENT_AHEAD_MS_MAX } from "../limits.ts";
import { parseInstant } from "../period.ts";
import { MICROS_PER_UNIT, parseQuantity } from "../quantity.ts";
import type { UsageEventError, UsageRejection } from "./event.ts";
import { ExactNumber } from "./exact-json.ts";

/** Longest `id` of an event, in UTF-16 code units. */
export const EVENT_ID_CHARS_MAX = 256;
/** Longest `source` of an event. */
export const EVENT_SOURCE_CHARS_MAX = 256;
/** Longest `path` of an event. */
export const EVENT_PATH_CHARS_MAX = 512;
/** Longest `value` of an event. */
export const EVENT_VALUE_CHARS_MAX = 256;
/** Longest text read as a time; an RFC 3339 time with nine fraction digits and an offset takes 35. */
const TIMESTAMP_CHARS_MAX = 40;
/** Longest text read as a quantity: sign, 12 digits, point, 6 digits. */
const QUANTITY_CHARS_MAX = 20;
/** Reasons listed for one event; more would only make the answer grow with the attack. */
const ERRORS_PER_EVENT_MAX = 16;

// Control characters and the two Unicode line ends could pass for a line break in a log or a record.
const UNPRINTABLE = /[\p{Cc}\u2028\u2029]/u;

/** Collects the reasons against one event, up to a bound. */
export class FieldErrors {
  readonly list: UsageEventError[] = [];

  get full(): boolean {
    return this.list.length >= ERRORS_PER_EVENT_MAX;
  }

  add(pointer: string, code: UsageRejection, message: string): undefined {
    if (!this.full) this.list.push({ pointer, code, message });
    return undefined;
  }
}

/** Whether the value is a JSON object, as opposed to an array, a scalar or an exact number. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}

/** Whether the value is well-formed text of at most `maxChars` code units without control characters. */
export function isPrintableText(value: unknown, maxChars: number): value is string {
  return typeof value === "string" && value.length <= maxChars && value.isWellFormed() && !UNPRINTABLE.test(value);
}

/** Whether the value is a name: printable text that is not empty. */
export function isPrintableName(value: unknown, maxChars: number): value is string {
  return value !== "" && isPrintableText(value, maxChars);
}

/** Whether the value is an HTTP status code. */
export function isHttpStatus(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 100 && value <= 599;
}

/** One field of an event: where it stands and what is there. */
export interface Field {
  pointer: string;
  value: unknown;
}

/** Reads a tenant id; on anything else adds the reason and returns undefined. */
export function readTenantId({ pointer, value }: Field, errors: FieldErrors): string | undefined {
  if (typeof value === "string" && isTenantId(value)) return value;
  return errors.add(pointer, "tenant_id_invalid", "a tenant id: 1 to 64 of A-Z a-z 0-9 _ -, first a letter or digit");
}

/** Reads a meter key; on anything else adds the reason and returns undefined. */
export function readMeterKey({ pointer, value }: Field, errors: FieldErrors): string | undefined {
  if (typeof value === "string" && isMeterKey(value)) return value;
  return errors.add(pointer, "meter_key_invalid", "a meter key: 1 to 64 of a-z 0-9 _ . and first a letter");
}

/** A quantity as text and in micro-units. */
export interface ReadQuantity {
  qtyText: string;
  qtyMicros: bigint;
}

/** Reads a quantity by {@link checkQuantity}; absent is 1. On anything else adds the reason and returns undefined. */
export function readQuantity(
  { pointer, value }: Field,
  correction: boolean,
  errors: FieldErrors,
): ReadQuantity | undefined {
  if (value === undefined) return { qtyText: "1", qtyMicros: MICROS_PER_UNIT };
  const text = value instanceof ExactNumber ? value.source : value;
  const qtyMicros = typeof text === "string" ? checkQuantity(text, correction) : undefined;
  if (typeof text === "string" && qtyMicros !== undefined) return { qtyText: text, qtyMicros };
  return errors.add(
    pointer,
    "quantity_invalid",
    "a decimal of up to 12 integer and 6 fraction digits without exponent, more than 0 (negative only in a correction)",
  );
}

/**
 * The rule of a quantity: plain decimal, not 0, negative only in a correction.
 * @returns micro-units, or undefined.
 */
export function checkQuantity(text: string, correction: boolean): bigint | undefined {
  const qtyMicros = text.length > QUANTITY_CHARS_MAX ? undefined : parseQuantity(text);
  if (qtyMicros === undefined || qtyMicros === 0n || (qtyMicros < 0n && !correction)) return undefined;
  return qtyMicros;
}

/** Reads an RFC 3339 time within the accepted window; on anything else adds the reason and returns undefined. */
export function readTimestamp({ pointer, value }: Field, nowMs: number, errors: FieldErrors): number | undefined {
  const timestampMs =
    typeof value === "string" && value.length <= TIMESTAMP_CHARS_MAX ? parseInstant(value) : undefined;
  if (timestampMs === undefined) return errors.add(pointer, "timestamp_invalid", "an RFC 3339 time with its zone");
  if (timestampMs < nowMs - EVENT_AGE_MS_MAX) return errors.add(pointer, "timestamp_too_old", "at most 35 days back");
  if (timestampMs > nowMs + EVENT_AHEAD_MS_MAX) {
    return errors.add(pointer, "timestamp_in_future", "at most 5 minutes ahead");
  }
  return timestampMs;
}
