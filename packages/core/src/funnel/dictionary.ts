/** Who sends funnel events. */
export const FUNNEL_SOURCES = ["admin-web", "zuplo", "cp", "stripe_webhook"] as const;

/** One of {@link FUNNEL_SOURCES}. */
export type FunnelSource = (typeof FUNNEL_SOURCES)[number];

/**
 * What an event must say: a member of the event, or of its payload as `payload.<member>`. Alternatives are separated by
 * `|`, of which one is enough.
 */
type Requirement = string;

/** The closed dictionary of the funnel: every type of event and what it must say. */
export const FUNNEL_EVENTS = {
  m_page_view: ["anonymous_id|session_id"],
  m_auth_login_start: ["email|sub"],
  m_auth_login_success: ["email"],
  m_auth_login_fail: ["email", "error_code"],
  m_auth_get_user: ["trace_id", "payload.user_id"],
  m_auth_user_upserted: ["email|trace_id"],
  m_auth_session_created: ["email|trace_id"],
  m_auth_user_tenant_linked: ["email|trace_id"],
  m_otp_send: ["email"],
  m_otp_send_result: ["email", "success"],
  m_checkout_click: ["trace_id", "payload.plan_tier"],
  m_checkout_session_created: ["trace_id", "payload.stripe_session_id"],
  m_stripe_webhook_checkout_complete: ["trace_id", "payload.stripe_event_id"],
  m_onboarding_subdomain_check: ["trace_id", "success", "payload.slug"],
  m_provision_job_created: ["trace_id", "job_id"],
  m_provision_failed: ["job_id", "payload.failure_stage"],
} as const satisfies Record<string, readonly Requirement[]>;

/** A type of the dictionary. */
export type FunnelEventType = keyof typeof FUNNEL_EVENTS;

/** Whether the text is a type of the dictionary. */
export const isFunnelEventType = (text: string): text is FunnelEventType => Object.hasOwn(FUNNEL_EVENTS, text);

/** An event as a sender states it; addresses in it go no further than {@link fingerprintEmail}. */
export interface FunnelEventClaim {
  event_type: FunnelEventType;
  trace_id?: string | null | undefined;
  job_id?: string | undefined;
  email?: string | undefined;
  /** Subject of the identity provider. */
  sub?: string | undefined;
  anonymous_id?: string | undefined;
  session_id?: string | undefined;
  success?: boolean | undefined;
  error_code?: string | undefined;
  payload?: Readonly<Record<string, unknown>> | undefined;
}

/** What the dictionary demands of the event's type and the event does not say, such as `email|sub`; empty when complete. */
export function findMissingFunnelFields(event: FunnelEventClaim): string[] {
  const requirements: readonly Requirement[] = FUNNEL_EVENTS[event.event_type];
  return requirements.filter((requirement) => !requirement.split("|").some((member) => isStated(event, member)));
}

function isStated(event: FunnelEventClaim, member: string): boolean {
  const value: unknown = member.startsWith("payload.")
    ? readOwn(event.payload ?? {}, member.slice("payload.".length))
    : readOwn(event, member);
  return value !== undefined && value !== null && value !== "";
}

const readOwn = (record: object, key: string): unknown =>
  Object.hasOwn(record, key) ? (record as Record<string, unknown>)[key] : undefined;
