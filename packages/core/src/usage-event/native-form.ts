import { sanitizeTraceIdValue } from "../trace-id.ts";
import type { UsageEvent, UsageEventContext, UsageEventResult } from "./event.ts";
import {
  EVENT_ID_CHARS_MAX,
  EVENT_PATH_CHARS_MAX,
  EVENT_SOURCE_CHARS_MAX,
  EVENT_VALUE_CHARS_MAX,
  FieldErrors,
  isHttpStatus,
  isJsonObject,
  isPrintableName,
  isPrintableText,
  readMeterKey,
  readQuantity,
  readTenantId,
  readTimestamp,
} from "./field-check.ts";

/** Meter of an event that names none. */
export const DEFAULT_METER_KEY = "api_requests";

const FIELDS = [
  "tenant_id",
  "meter_key",
  "qty",
  "path",
  "status",
  "id",
  "source",
  "timestamp",
  "correction",
  "trace_id",
  "value",
] as const;
const KNOWN_FIELDS: ReadonlySet<string> = new Set(FIELDS);
const HARMLESS_NAME = /^[A-Za-z0-9_.-]{1,64}$/;

type NativeForm = Partial<Record<(typeof FIELDS)[number], unknown>>;

/**
 * Checks one event of `POST /usage`: `{ tenant_id, meter_key?, qty?, path?, status?, id?, source?, timestamp?,
 * correction?, trace_id?, value? }`. An invalid trace id is dropped, every other fault is a reason to reject.
 * @param value an element of what `parseExactJson` returned: a `qty` that is a plain JavaScript number is refused.
 */
export function parseUsageEvent(value: unknown, context: UsageEventContext): UsageEventResult {
  const errors = new FieldErrors();
  if (!isJsonObject(value)) {
    errors.add("", "not_an_object", "a JSON object");
    return { ok: false, errors: errors.list };
  }
  refuseUnknownFields(value, errors);
  checkLabels(value, errors);
  const event = readEvent(value, context, errors);
  return errors.list.length === 0 && event !== undefined ? { ok: true, event } : { ok: false, errors: errors.list };
}

function refuseUnknownFields(value: Record<string, unknown>, errors: FieldErrors): void {
  for (const name of Object.keys(value)) {
    if (errors.full) return;
    // A name that could be an attack on whoever reads the answer is not repeated in it.
    if (!KNOWN_FIELDS.has(name)) {
      errors.add(HARMLESS_NAME.test(name) ? `/${name}` : "", "unknown_field", "no such field");
    }
  }
}

function checkLabels(form: NativeForm, errors: FieldErrors): void {
  const { correction, source, id, path, status, value } = form;
  if (correction !== undefined && typeof correction !== "boolean") {
    errors.add("/correction", "invalid_field", "true or false");
  }
  if (source !== undefined && !isPrintableText(source, EVENT_SOURCE_CHARS_MAX)) {
    errors.add("/source", "invalid_field", `at most ${EVENT_SOURCE_CHARS_MAX} printable characters`);
  }
  if (id !== undefined && !isPrintableName(id, EVENT_ID_CHARS_MAX)) {
    errors.add("/id", "invalid_field", `1 to ${EVENT_ID_CHARS_MAX} printable characters`);
  }
  if (path !== undefined && !isPrintableText(path, EVENT_PATH_CHARS_MAX)) {
    errors.add("/path", "invalid_field", `at most ${EVENT_PATH_CHARS_MAX} printable characters`);
  }
  if (status !== undefined && !isHttpStatus(status)) {
    errors.add("/status", "invalid_field", "an HTTP status, 100 to 599");
  }
  if (value !== undefined && !isPrintableName(value, EVENT_VALUE_CHARS_MAX)) {
    errors.add("/value", "invalid_field", `text of 1 to ${EVENT_VALUE_CHARS_MAX} printable characters`);
  }
}

/** What more an event of a meter that counts distinct values must hold to: a value once seen cannot be taken back. */
function checkUnique({ value, correction }: NativeForm, errors: FieldErrors): void {
  if (value === undefined) errors.add("/value", "value_required", "the meter counts distinct values");
  if (correction === true) errors.add("/correction", "invalid_field", "not for a meter that counts distinct values");
}

function readEvent(form: NativeForm, context: UsageEventContext, errors: FieldErrors): UsageEvent | undefined {
  const { meter_key: meter = DEFAULT_METER_KEY, timestamp } = form;
  const correction = form.correction === true;
  const tenantId = readTenantId({ pointer: "/tenant_id", value: form.tenant_id }, errors);
  const meterKey = readMeterKey({ pointer: "/meter_key", value: meter }, errors);
  const quantity = readQuantity({ pointer: "/qty", value: form.qty }, correction, errors);
  const timestampGiven = timestamp !== undefined;
  const timestampMs = timestampGiven
    ? readTimestamp({ pointer: "/timestamp", value: timestamp }, context.nowMs, errors)
    : context.nowMs;
  if (meterKey !== undefined && context.uniqueMeters?.has(meterKey) === true) checkUnique(form, errors);
  if (tenantId === undefined || meterKey === undefined || quantity === undefined || timestampMs === undefined) {
    return undefined;
  }
  const event: UsageEvent = { tenantId, meterKey, ...quantity, timestampMs, timestampGiven, source: "", correction };
  addLabels(form, event);
  const traceId = sanitizeTraceIdValue(form.trace_id) ?? context.traceId;
  if (traceId !== undefined) event.traceId = traceId;
  return event;
}

function addLabels({ source, id, path, status, value }: NativeForm, event: UsageEvent): void {
  if (typeof source === "string") event.source = source;
  if (typeof id === "string") event.id = id;
  if (typeof path === "string") event.path = path;
  if (typeof status === "number") event.status = status;
  if (typeof value === "string") event.value = value;
}
