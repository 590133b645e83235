/** One valid usage event in normal form. */
export interface UsageEvent {
  tenantId: string;
  meterKey: string;
  /** The quantity exactly as the sender wrote it. */
  qtyText: string;
  /** The same in micro-units; negative only for a correction, never 0. */
  qtyMicros: bigint;
  /** Event time, epoch milliseconds; the time of arrival if the sender gave none. */
  timestampMs: number;
  /** Whether the sender gave the time; only then it is part of what makes two events the same. */
  timestampGiven: boolean;
  /** Who counts; empty if not said. */
  source: string;
  /** The sender's id, unique in (tenant, source). */
  id?: string;
  path?: string;
  /** HTTP status. */
  status?: number;
  traceId?: string;
  /** Takes back earlier usage. */
  correction: boolean;
  /** What a meter that counts distinct values counts once: an account, a device. */
  value?: string;
}

/** Why an event is rejected: the closed list. */
export const USAGE_REJECTIONS = [
  "not_an_object",
  "unknown_field",
  "invalid_field",
  "tenant_id_invalid",
  "meter_key_invalid",
  "quantity_invalid",
  "value_required",
  "timestamp_invalid",
  "timestamp_too_old",
  "timestamp_in_future",
] as const;

/** One of {@link USAGE_REJECTIONS}. */
export type UsageRejection = (typeof USAGE_REJECTIONS)[number];

/** One invalid place of an event: JSON pointer inside the event, reason, and what is expected. Never the value. */
export interface UsageEventError {
  pointer: string;
  code: UsageRejection;
  message: string;
}

/** A valid event, or every reason (up to 16) why it is not one. */
export type UsageEventResult = { ok: true; event: UsageEvent } | { ok: false; errors: UsageEventError[] };

/** What the request knows besides the event. */
export interface UsageEventContext {
  /** Time of arrival, epoch milliseconds. */
  nowMs: number;
  /** Sanitized trace id of the request, for events that carry none. */
  traceId?: string;
  /** Keys of the meters that count distinct values: their events need one. */
  uniqueMeters?: ReadonlySet<string>;
}

/**
 * The dedupe key of (tenant, source, id), injective ("a-b" + "c" is not "a" + "b-c") and without the time.
 * @returns undefined for an event without an id, which nothing but its request's Idempotency-Key protects.
 */
export function eventKey(event: UsageEvent): string | undefined {
  const { tenantId, source, id } = event;
  return id === undefined ? undefined : `${tenantId.length}:${source.length}:${tenantId}${source}${id}`;
}

/**
 * What must be equal for two events of one key to be duplicates: meter, quantity by value (1 is 1.0), the time if the
 * sender gave it, path, status, correction, value. Injective text, for a digest; without a value it is what it always was.
 */
export function eventContent(event: UsageEvent): string {
  const { meterKey, qtyMicros, path, status, correction, value } = event;
  const timestamp = event.timestampGiven ? event.timestampMs : "";
  const counted = value === undefined ? "" : `=${value.length}:${value}`;
  const end = path === undefined ? "" : `/${path}`;
  return `${meterKey.length}:${meterKey}${qtyMicros}:${timestamp}:${status ?? ""}:${correction}${counted}${end}`;
}
