import { MICROS_PER_UNIT } from "../quantity.ts";
import { sanitizeTraceIdValue } from "../trace-id.ts";
import type { UsageEvent, UsageEventContext, UsageEventResult } from "./event.ts";
import { ExactNumber, parseExactJson } from "./exact-json.ts";
import {
  EVENT_ID_CHARS_MAX,
  EVENT_PATH_CHARS_MAX,
  EVENT_SOURCE_CHARS_MAX,
  EVENT_VALUE_CHARS_MAX,
  type Field,
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

/** What a CloudEvent needs besides the event and the time of arrival. */
export interface CloudEventContext extends UsageEventContext {
  /** Property of `data` that a meter counts, by meter key; `value` for meters that are not in it. */
  valueProperties?: ReadonlyMap<string, string>;
}

interface CloudEventForm {
  specversion?: unknown;
  id?: unknown;
  source?: unknown;
  type?: unknown;
  subject?: unknown;
  time?: unknown;
  datacontenttype?: unknown;
  data?: unknown;
  data_base64?: unknown;
  traceid?: unknown;
}

const JSON_MEDIA_TYPE = /^(?:application|text)\/(?:[a-z0-9!#$&^_.-]+\+)?json$/;

/**
 * Checks one structured CloudEvent 1.0: `subject` is the tenant, `type` the meter, `time` the time, `data.value` (or the
 * meter's own property, then required) the quantity, 1 if absent; of a meter that counts distinct values it is the value,
 * and the quantity is 1. `data` belongs to the sender: `data.path` and
 * `data.status` are taken where they fit and passed over otherwise, as are extension attributes.
 * @param value what `parseExactJson` returned; for a meter's own property its name must be among the exact keys.
 */
export function parseCloudEvent(value: unknown, context: CloudEventContext): UsageEventResult {
  const errors = new FieldErrors();
  if (!isJsonObject(value)) {
    errors.add("", "not_an_object", "a CloudEvent in JSON");
    return { ok: false, errors: errors.list };
  }
  const event = readCloudEvent(value, context, errors);
  return errors.list.length === 0 && event !== undefined ? { ok: true, event } : { ok: false, errors: errors.list };
}

function readCloudEvent(form: CloudEventForm, context: CloudEventContext, errors: FieldErrors): UsageEvent | undefined {
  const id = readName({ pointer: "/id", value: form.id }, EVENT_ID_CHARS_MAX, errors);
  const source = readName({ pointer: "/source", value: form.source }, EVENT_SOURCE_CHARS_MAX, errors);
  const tenantId = readTenantId({ pointer: "/subject", value: form.subject }, errors);
  const meterKey = readMeterKey({ pointer: "/type", value: form.type }, errors);
  const data = readData(form, errors);
  const property = context.valueProperties?.get(meterKey ?? "");
  const isUnique = context.uniqueMeters?.has(meterKey ?? "") === true;
  const counted = isUnique ? readDataValue(data, property, errors) : readDataQuantity(data, property, errors);
  // The JSON format lets an unset attribute be null.
  const timestampGiven = form.time !== undefined && form.time !== null;
  const timestampMs = timestampGiven
    ? readTimestamp({ pointer: "/time", value: form.time }, context.nowMs, errors)
    : context.nowMs;
  if (id === undefined || source === undefined || tenantId === undefined || meterKey === undefined) return undefined;
  if (counted === undefined || timestampMs === undefined) return undefined;

  const event: UsageEvent = {
    tenantId,
    meterKey,
    ...counted,
    timestampMs,
    timestampGiven,
    source,
    id,
    correction: false,
  };
  if (isPrintableText(data["path"], EVENT_PATH_CHARS_MAX)) event.path = data["path"];
  if (isHttpStatus(data["status"])) event.status = data["status"];
  const traceId = sanitizeTraceIdValue(form.traceid) ?? context.traceId;
  if (traceId !== undefined) event.traceId = traceId;
  return event;
}

function readName({ pointer, value }: Field, maxChars: number, errors: FieldErrors): string | undefined {
  if (isPrintableName(value, maxChars)) return value;
  return errors.add(pointer, "invalid_field", `1 to ${maxChars} printable characters`);
}

function readData(form: CloudEventForm, errors: FieldErrors): Record<string, unknown> {
  if (form.specversion !== "1.0") errors.add("/specversion", "invalid_field", "1.0");
  if (!isJsonMediaType(form.datacontenttype ?? "application/json")) {
    errors.add("/datacontenttype", "invalid_field", "a JSON media type");
  }
  if (form.data_base64 !== undefined) errors.add("/data_base64", "invalid_field", "data as JSON, not as bytes");
  const data = form.data ?? {};
  if (isJsonObject(data)) return data;
  errors.add("/data", "invalid_field", "a JSON object");
  return {};
}

function isJsonMediaType(value: unknown): boolean {
  return typeof value === "string" && JSON_MEDIA_TYPE.test((value.split(";", 1)[0] ?? "").trim().toLowerCase());
}

type Counted = Pick<UsageEvent, "qtyText" | "qtyMicros" | "value">;

const DEFAULT_PROPERTY = "value";

const ownProperty = (data: Record<string, unknown>, name: string): unknown =>
  Object.hasOwn(data, name) ? data[name] : undefined;

function readDataValue(
  data: Record<string, unknown>,
  property: string | undefined,
  errors: FieldErrors,
): Counted | undefined {
  const name = property ?? DEFAULT_PROPERTY;
  const given = ownProperty(data, name);
  // A number is taken as it was written: an account 007 may be a text only, and 7.0 is another value than 7.
  const value = given instanceof ExactNumber ? given.source : given;
  if (isPrintableName(value, EVENT_VALUE_CHARS_MAX)) return { qtyText: "1", qtyMicros: MICROS_PER_UNIT, value };
  const code = given === undefined ? "value_required" : "invalid_field";
  return errors.add(`/data/${name}`, code, `a number, or text of 1 to ${EVENT_VALUE_CHARS_MAX} printable characters`);
}

function readDataQuantity(
  data: Record<string, unknown>,
  property: string | undefined,
  errors: FieldErrors,
): Counted | undefined {
  const name = property ?? DEFAULT_PROPERTY;
  const value = ownProperty(data, name);
  // A meter with its own property counts that property: one unit instead of it would be a wrong bill.
  const required = property !== undefined && value === undefined ? null : value;
  return readQuantity({ pointer: `/data/${name}`, value: required }, false, errors);
}

const HEADER_ATTRIBUTES = ["specversion", "id", "source", "type", "subject", "time", "traceid"] as const;

/**
 * The structured form of a CloudEvent in binary mode, for {@link parseCloudEvent}: attributes from the `ce-*` headers
 * (unquoted, then percent-decoded once: CloudEvents HTTP binding 1.0.2, 3.1.3.2), `datacontenttype` from `content-type`.
 * A header that does not decode to UTF-8 becomes null, which no required attribute accepts.
 * @param dataText the body; empty means no data.
 * @throws ExactJsonError for a body that is not JSON.
 */
export function cloudEventFromHeaders(
  headers: Headers,
  dataText: string,
  exactKeys?: ReadonlySet<string>,
): Record<string, unknown> {
  const event: Record<string, unknown> = {};
  for (const name of HEADER_ATTRIBUTES) {
    const value = headers.get(`ce-${name}`);
    if (value !== null) event[name] = decodeHeaderValue(value);
  }
  const contentType = headers.get("content-type");
  if (contentType !== null) event["datacontenttype"] = contentType;
  if (dataText !== "") event["data"] = parseExactJson(dataText, exactKeys);
  return event;
}

function decodeHeaderValue(value: string): string | null {
  const unquoted = value.replace(/"((?:[^"\\]|\\.)*)"/g, (_match, inner: string) => inner.replace(/\\(.)/g, "$1"));
  try {
    return decodeURIComponent(unquoted);
  } catch {
    return null;
  }
}
