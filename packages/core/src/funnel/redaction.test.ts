import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  FUNNEL_MESSAGE_CHARS_MAX,
  FUNNEL_PAYLOAD_BYTES_MAX,
  redactFunnelMessage,
  redactFunnelPayload,
} from "./redaction.ts";

const redact = (payload: Record<string, unknown>): unknown => {
  const text = redactFunnelPayload(payload);
  return text === null ? null : JSON.parse(text);
};

describe("a stored payload", () => {
  test("keeps what the dictionary asks for", () => {
    const payload = {
      user_id: "usr_1",
      plan_tier: "starter",
      stripe_session_id: "cs_test_1",
      stripe_event_id: "evt_1",
      slug: "acme",
      failure_stage: "server",
      anonymous_id: "a",
      session_id: "s",
      count: 3,
      first: true,
      nothing: null,
    };
    expect(redact(payload)).toEqual(payload);
  });

  test.each([
    "password",
    "API-Key",
    "access_token",
    "Authorization",
    "set-cookie",
    "client_secret",
    "otp_code",
    "email",
    "userEmail",
    "phone_number",
    "billing_address",
    "ip",
    "client_ip",
    "card_number",
    "name",
    "full_name",
  ])("never holds a member named %s, at any depth", (key) => {
    expect(redact({ [key]: "x1", kept: 1 })).toEqual({ kept: 1 });
    expect(redact({ inner: { [key]: "x1", kept: [{ [key]: "x1" }] } })).toEqual({ inner: { kept: [null] } });
  });

  test.each([
    "ada@example.com",
    "sk_live_51Habc",
    "whsec_abcdef",
    "ghp_abcdefghij",
    "Bearer abc.def",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
  ])("never holds %s inside of a text", (secret) => {
    expect(redact({ note: `before ${secret} after` })).toEqual({ note: "before [redacted] after" });
  });

  test("stays within its bytes and loses only what no longer fits, whatever comes in", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ maxLength: 70 }), fc.jsonValue({ maxDepth: 6 })), (payload) => {
        const text = redactFunnelPayload(payload) ?? "{}";
        expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(FUNNEL_PAYLOAD_BYTES_MAX);
        expect(() => JSON.parse(text) as unknown).not.toThrow();
      }),
    );
    const long = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`k${index}`, "가".repeat(250)]));
    const stored = redactFunnelPayload({ ...long, plan_tier: "starter" }) ?? "";
    expect(new TextEncoder().encode(stored).length).toBeGreaterThan(FUNNEL_PAYLOAD_BYTES_MAX - 800);
    expect(JSON.parse(stored)).toMatchObject({ plan_tier: "starter" });
  });

  test("is null when nothing is left", () => {
    expect(redact({})).toBeNull();
    expect(redact({ password: "x" })).toBeNull();
  });
});

test("a message loses addresses and is cut", () => {
  expect(redactFunnelMessage("mailbox ada@example.com is full")).toBe("mailbox [redacted] is full");
  expect(redactFunnelMessage("x".repeat(9_999))).toHaveLength(FUNNEL_MESSAGE_CHARS_MAX);
});
