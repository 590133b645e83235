import { describe, expect, test } from "vitest";
import { findMissingFunnelFields, FUNNEL_EVENTS, isFunnelEventType, type FunnelEventClaim } from "./dictionary.ts";

const COMPLETE: FunnelEventClaim[] = [
  { event_type: "m_page_view", anonymous_id: "a" },
  { event_type: "m_page_view", session_id: "s" },
  { event_type: "m_auth_login_start", email: "a@b.example" },
  { event_type: "m_auth_login_start", sub: "google|1" },
  { event_type: "m_auth_login_success", email: "a@b.example" },
  { event_type: "m_auth_login_fail", email: "a@b.example", error_code: "bad_code" },
  { event_type: "m_auth_get_user", trace_id: "trace_1", payload: { user_id: "u1" } },
  { event_type: "m_auth_user_upserted", trace_id: "trace_1" },
  { event_type: "m_auth_session_created", email: "a@b.example" },
  { event_type: "m_auth_user_tenant_linked", email: "a@b.example" },
  { event_type: "m_otp_send", email: "a@b.example" },
  { event_type: "m_otp_send_result", email: "a@b.example", success: false },
  { event_type: "m_checkout_click", trace_id: "trace_1", payload: { plan_tier: "starter" } },
  { event_type: "m_checkout_session_created", trace_id: "trace_1", payload: { stripe_session_id: "cs_1" } },
  { event_type: "m_stripe_webhook_checkout_complete", trace_id: "trace_1", payload: { stripe_event_id: "evt_1" } },
  { event_type: "m_onboarding_subdomain_check", trace_id: "trace_1", success: true, payload: { slug: "acme" } },
  { event_type: "m_provision_job_created", trace_id: "trace_1", job_id: "job_1" },
  { event_type: "m_provision_failed", job_id: "job_1", payload: { failure_stage: "server" } },
];

describe("the dictionary of funnel events", () => {
  test("has an example of every type here, and every example is complete", () => {
    expect([...new Set(COMPLETE.map((event) => event.event_type))].toSorted()).toEqual(
      Object.keys(FUNNEL_EVENTS).toSorted(),
    );
    for (const event of COMPLETE) expect(findMissingFunnelFields(event), event.event_type).toEqual([]);
  });

  test("demands every field of every type: an event with nothing but its type lacks them all", () => {
    const types = Object.keys(FUNNEL_EVENTS).filter((type) => isFunnelEventType(type));
    expect(types).toHaveLength(16);
    for (const type of types) expect(findMissingFunnelFields({ event_type: type })).toEqual(FUNNEL_EVENTS[type]);
  });

  test("takes a failure for an answer: success false is stated", () => {
    expect(findMissingFunnelFields({ event_type: "m_otp_send_result", email: "a@b.example", success: false })).toEqual(
      [],
    );
  });

  test("counts empty texts and inherited members as missing", () => {
    expect(findMissingFunnelFields({ event_type: "m_otp_send", email: "" })).toEqual(["email"]);
    const inherited = Object.create({ user_id: "u1" }) as Record<string, unknown>;
    expect(findMissingFunnelFields({ event_type: "m_auth_get_user", trace_id: "trace_1", payload: inherited })).toEqual(
      ["payload.user_id"],
    );
  });

  test.each(["", "m_unknown", "M_PAGE_VIEW", "toString", "__proto__", "constructor"])("does not know %s", (text) => {
    expect(isFunnelEventType(text)).toBe(false);
  });
});
