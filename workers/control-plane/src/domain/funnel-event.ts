import {
  emailDomain,
  fingerprintEmail,
  fingerprintSubject,
  findMissingFunnelFields,
  FUNNEL_EVENTS,
  FUNNEL_SOURCES,
  type FunnelEventType,
  redactFunnelMessage,
  redactFunnelPayload,
} from "@prego/core/funnel";
import { isTenantId } from "@prego/core/id";
import { formatInstant } from "@prego/core/period";
import type { FieldError } from "@prego/core/problem";
import type { funnelEvents } from "@prego/core/schema";
import { sanitizeTraceIdValue } from "@prego/core/trace-id";
import { z } from "zod";
import { EMAIL_CHARS_MAX, FUNNEL_EVENTS_PER_REQUEST_MAX } from "../intake-limits.ts";

/** A funnel event as it is stored; the database gives its id. */
export type FunnelRow = Required<Omit<typeof funnelEvents.$inferInsert, "id">>;

const TYPES = Object.keys(FUNNEL_EVENTS) as [FunnelEventType, ...FunnelEventType[]];
/** A type of the dictionary. */
export const FunnelType = z.enum(TYPES);
const Word = z.string().regex(/^[A-Za-z0-9_.:-]{1,128}$/, "Expected 1 to 128 of A-Z, a-z, 0-9 and _ . : -");

/** An address; what is hashed need not be deliverable. */
export const Email = z
  .string()
  .max(EMAIL_CHARS_MAX)
  .regex(/^\s*[^\s@]+(?:@[^\s@]+)+\s*$/, "Expected an e-mail address");

/** One event as senders state it. */
export const FunnelEventForm = z.strictObject({
  event_type: FunnelType,
  source: z.enum(FUNNEL_SOURCES),
  client_event_id: Word.optional().describe("a repeated id counts once"),
  trace_id: z.string().optional().describe("dropped unless it is a trace id"),
  tenant_id: z.string().refine(isTenantId, "Expected a tenant id").optional(),
  job_id: Word.optional(),
  email: Email.optional().describe("stored as a keyed hash and its domain"),
  sub: z.string().min(1).max(255).optional().describe("subject of the identity provider, stored as a keyed hash"),
  anonymous_id: z.string().min(1).max(128).optional(),
  session_id: z.string().min(1).max(128).optional(),
  success: z.boolean().optional(),
  error_code: Word.optional(),
  error_message: z.string().optional().describe("500 characters of it are kept"),
  payload: z.record(z.string(), z.unknown()).optional().describe("2 KB of it are kept, without secrets and addresses"),
});
export type FunnelEventForm = z.infer<typeof FunnelEventForm>;

/** Several events; each is judged by itself. */
export const FunnelBatch = z.strictObject({
  events: z.array(z.unknown()).min(1).max(FUNNEL_EVENTS_PER_REQUEST_MAX),
});

export interface FunnelContext {
  /** Key of the hashes; undefined while none is configured, then an address leaves only its domain. */
  key: string | undefined;
  nowMs: number;
}

/**
 * Reads one event, or everything that is wrong with it.
 * @param traceId what an event without a trace id of its own inherits.
 */
export function readFunnelEvent(
  value: unknown,
  traceId: string | null,
): { event: FunnelFact } | { errors: FieldError[] } {
  const parsed = FunnelEventForm.safeParse(value);
  if (!parsed.success) return { errors: parsed.error.issues.map((issue) => toFieldError(issue)) };
  const event = { ...parsed.data, trace_id: sanitizeTraceIdValue(parsed.data.trace_id) ?? traceId };
  const missing = findMissingFunnelFields(event);
  if (missing.length === 0) return { event };
  return {
    errors: missing.map((requirement) => ({
      pointer: `/${requirement.split("|", 1).join("").replace(".", "/")}`,
      message: `This type of event needs ${requirement.replace("|", " or ")}`,
    })),
  };
}

function toFieldError({ path, message, code }: z.core.$ZodIssue): FieldError {
  const pointer = path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
  // A key of the payload is the sender's own text and is not repeated.
  const shown = pointer.startsWith("/payload") ? "/payload" : pointer;
  return { pointer: shown, message: code === "unrecognized_keys" ? "Unknown member" : message };
}

/** An event that was read, or one of control-plane's own. */
export type FunnelFact = Omit<FunnelEventForm, "event_type" | "trace_id"> & {
  event_type: string;
  trace_id: string | null;
};

/** The row of an event: addresses become hashes, texts are redacted and cut. */
export async function toFunnelRow(event: FunnelFact, { key, nowMs }: FunnelContext): Promise<FunnelRow> {
  const { email, sub } = event;
  const hasKey = key !== undefined;
  const subject = sub === undefined || !hasKey ? undefined : await fingerprintSubject(key, sub);
  const { anonymous_id, session_id, payload } = event;
  return {
    clientEventId: event.client_event_id ?? null,
    ts: formatInstant(nowMs),
    eventType: event.event_type,
    traceId: event.trace_id,
    tenantId: event.tenant_id ?? null,
    jobId: event.job_id ?? null,
    emailFingerprint: email === undefined || !hasKey ? null : await fingerprintEmail(key, email),
    emailDomain: email === undefined ? null : emailDomain(email),
    success: event.success === undefined ? null : Number(event.success),
    errorCode: event.error_code ?? null,
    errorMessage: event.error_message === undefined ? null : redactFunnelMessage(event.error_message),
    source: event.source,
    payloadJson: redactFunnelPayload({ ...payload, anonymous_id, session_id, subject_fingerprint: subject }),
  };
}
