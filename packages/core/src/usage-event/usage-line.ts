import { isMeterKey, isTenantId } from "../id.ts";
import { parseInstant } from "../period.ts";
import { sanitizeTraceIdValue } from "../trace-id.ts";
import { readCanonicalLine } from "./canonical-line.ts";
import type { UsageEvent } from "./event.ts";
import {
  checkQuantity,
  EVENT_ID_CHARS_MAX,
  EVENT_PATH_CHARS_MAX,
  EVENT_SOURCE_CHARS_MAX,
  EVENT_VALUE_CHARS_MAX,
  isHttpStatus,
  isPrintableName,
  isPrintableText,
} from "./field-check.ts";
import { createInstantWriter } from "./line-instant.ts";

/** Longest line a valid event makes, in UTF-16 code units: its texts with every character escaped, and room. */
export const USAGE_LINE_CHARS_MAX = 4_096;

/** One line of a raw usage object, as it was read back. */
export interface UsageLine {
  tenantId: string;
  meterKey: string;
  /** The quantity as the sender wrote it. */
  qtyText: string;
  /** The same in micro-units; negative only for a correction, never 0. */
  qtyMicros: bigint;
  /** Event time, epoch milliseconds. */
  timestampMs: number;
  /** Time of arrival, epoch milliseconds. */
  receivedAtMs: number;
  /** Empty if the line has none. */
  source: string;
  id?: string;
  path?: string;
  status?: number;
  traceId?: string;
  correction: boolean;
  /** What a meter that counts distinct values counts once. */
  value?: string;
}

/**
 * One JSONL line without its line feed: a flat object in the order `id, source, tenant_id, meter_key, qty, timestamp,
 * received_at, path, status, trace_id`, then `correction: true` if set, then `value`. Missing (an empty source too) is absent.
 */
export function formatUsageLine(event: UsageEvent, receivedAtMs: number): string {
  const { id, source, path, status, traceId, correction, value } = event;
  let line = id === undefined ? "{" : `{"id":${quote(id)},`;
  if (source !== "") line += `"source":${quote(source)},`;
  line += `"tenant_id":${quote(event.tenantId)},"meter_key":${quote(event.meterKey)},"qty":${quote(event.qtyText)}`;
  line += `,"timestamp":"${writeEventTime(event.timestampMs)}","received_at":"${writeArrivalTime(receivedAtMs)}"`;
  if (path !== undefined) line += `,"path":${quote(path)}`;
  if (status !== undefined) line += `,"status":${status}`;
  if (traceId !== undefined) line += `,"trace_id":${quote(traceId)}`;
  if (correction) line += ',"correction":true';
  return value === undefined ? `${line}}` : `${line},"value":${quote(value)}}`;
}

const writeEventTime = createInstantWriter();
const writeArrivalTime = createInstantWriter();

/** What JSON may write otherwise than as it is: quotes, backslashes, control characters, lone surrogates. */
const ESCAPED = /["\\\p{Cc}\p{Cs}]/u;

const quote = (text: string): string => (ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`);

/** A line read back, or why it is not one, without quoting it. */
export type UsageLineResult = { ok: true; line: UsageLine } | { ok: false; reason: string };

interface LineForm {
  id?: unknown;
  source?: unknown;
  tenant_id?: unknown;
  meter_key?: unknown;
  qty?: unknown;
  timestamp?: unknown;
  received_at?: unknown;
  path?: unknown;
  status?: unknown;
  trace_id?: unknown;
  correction?: unknown;
  value?: unknown;
}

/**
 * Reads a line of {@link formatUsageLine} back; also lines of other tools, which may add fields of their own.
 * Every field it knows is checked by the rules of a new event, except for its age.
 */
export function parseUsageLine(text: string): UsageLineResult {
  const line = readCanonicalLine(text);
  return line === undefined ? parseGeneralLine(text) : { ok: true, line };
}

/** {@link parseUsageLine} by way of `JSON.parse`: the rule that the short cut for canonical lines must agree with. */
export function parseGeneralLine(text: string): UsageLineResult {
  if (text.length > USAGE_LINE_CHARS_MAX) return { ok: false, reason: "line too long" };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: "not JSON" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { ok: false, reason: "not a JSON object" };
  }
  return readLine(value);
}

function readLine(form: LineForm): UsageLineResult {
  const { tenant_id: tenantId, meter_key: meterKey, qty, timestamp, received_at: receivedAt } = form;
  if (typeof tenantId !== "string" || !isTenantId(tenantId)) return { ok: false, reason: "tenant_id invalid" };
  if (typeof meterKey !== "string" || !isMeterKey(meterKey)) return { ok: false, reason: "meter_key invalid" };
  if (form.correction !== undefined && typeof form.correction !== "boolean") {
    return { ok: false, reason: "correction invalid" };
  }
  const correction = form.correction === true;
  const qtyMicros = typeof qty === "string" ? checkQuantity(qty, correction) : undefined;
  if (typeof qty !== "string" || qtyMicros === undefined) return { ok: false, reason: "qty invalid" };
  const timestampMs = typeof timestamp === "string" ? parseInstant(timestamp) : undefined;
  if (timestampMs === undefined) return { ok: false, reason: "timestamp invalid" };
  const receivedAtMs = typeof receivedAt === "string" ? parseInstant(receivedAt) : undefined;
  if (receivedAtMs === undefined) return { ok: false, reason: "received_at invalid" };
  const line: UsageLine = {
    tenantId,
    meterKey,
    qtyText: qty,
    qtyMicros,
    timestampMs,
    receivedAtMs,
    source: "",
    correction,
  };
  const invalidLabel = readLabels(form, line);
  return invalidLabel === undefined ? { ok: true, line } : { ok: false, reason: `${invalidLabel} invalid` };
}

function readLabels(form: LineForm, line: UsageLine): string | undefined {
  const { id, source, path, status, trace_id: traceId, value } = form;
  if (id !== undefined) {
    if (!isPrintableName(id, EVENT_ID_CHARS_MAX)) return "id";
    line.id = id;
  }
  if (source !== undefined) {
    if (!isPrintableText(source, EVENT_SOURCE_CHARS_MAX)) return "source";
    line.source = source;
  }
  if (path !== undefined) {
    if (!isPrintableText(path, EVENT_PATH_CHARS_MAX)) return "path";
    line.path = path;
  }
  if (status !== undefined) {
    if (!isHttpStatus(status)) return "status";
    line.status = status;
  }
  if (value !== undefined) {
    if (!isPrintableName(value, EVENT_VALUE_CHARS_MAX)) return "value";
    line.value = value;
  }
  // A trace id is never a reason to fail, here as at the edge.
  const cleanTraceId = traceId === undefined ? null : sanitizeTraceIdValue(traceId);
  if (cleanTraceId !== null) line.traceId = cleanTraceId;
  return undefined;
}
