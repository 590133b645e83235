import type { funnelEvents } from "@prego/core/schema";

/** A funnel event as operators see it: nobody's address is in it. */
export const showFunnelEvent = (event: typeof funnelEvents.$inferSelect) => ({
  id: event.id,
  ts: event.ts,
  event_type: event.eventType,
  source: event.source,
  client_event_id: event.clientEventId,
  trace_id: event.traceId,
  tenant_id: event.tenantId,
  job_id: event.jobId,
  email_fingerprint: event.emailFingerprint,
  email_domain: event.emailDomain,
  success: event.success === null ? null : event.success === 1,
  error_code: event.errorCode,
  error_message: event.errorMessage,
  payload: event.payloadJson === null ? null : (JSON.parse(event.payloadJson) as unknown),
});
