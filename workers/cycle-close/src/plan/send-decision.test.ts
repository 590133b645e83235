import { describe, expect, test } from "vitest";
import { decideAfterLookUp, decideFailure, decideSend, idempotencyKey, type SendState } from "./send-decision.ts";
import { classifyStripeError } from "./stripe-failure.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = Date.parse("2026-12-20T00:00:00Z");
const row = (change: Partial<SendState> = {}): SendState => ({
  mode: "invoice_item",
  identifier: "prego_1",
  intentAtMs: null,
  keyEpoch: 0,
  attempts: 1,
  eventAtMs: null,
  finalAtMs: null,
  mustLookUp: false,
  ...change,
});

describe("sending", () => {
  test("looks up first when an operator sends a charge again, however young its last call is", () => {
    for (const intentAtMs of [null, NOW_MS, NOW_MS - 40 * HOUR_MS]) {
      expect(decideSend(row({ intentAtMs, mustLookUp: true }), NOW_MS)).toEqual({ kind: "look_up" });
    }
  });

  test("goes ahead under its key while Stripe is sure to remember it, and looks up afterwards", () => {
    expect(decideSend(row(), NOW_MS)).toEqual({ kind: "send" });
    expect(decideSend(row({ intentAtMs: NOW_MS - 23 * HOUR_MS + 1 }), NOW_MS)).toEqual({ kind: "send" });
    expect(decideSend(row({ intentAtMs: NOW_MS - 23 * HOUR_MS }), NOW_MS)).toEqual({ kind: "look_up" });
    expect(decideSend(row({ intentAtMs: NOW_MS + HOUR_MS }), NOW_MS)).toEqual({ kind: "send" });
  });

  test("rejects a meter event that is too old without a call, but never one that may have been sent", () => {
    const eventAtMs = NOW_MS - 35 * 24 * HOUR_MS - 1;
    expect(decideSend(row({ eventAtMs }), NOW_MS)).toMatchObject({ kind: "reject" });
    expect(decideSend(row({ eventAtMs, intentAtMs: NOW_MS - HOUR_MS }), NOW_MS)).toEqual({ kind: "look_up" });
    expect(decideSend(row({ eventAtMs: eventAtMs + 1 }), NOW_MS)).toEqual({ kind: "send" });
  });

  test("rejects a meter event whose invoice is final without a call, but never one that may have been sent", () => {
    const finalAtMs = NOW_MS - 1;
    expect(decideSend(row({ finalAtMs }), NOW_MS)).toMatchObject({
      kind: "reject",
      reason: expect.stringMatching(/^period_invoiced/),
    });
    const tried = row({ finalAtMs, intentAtMs: NOW_MS - HOUR_MS });
    expect(decideSend(tried, NOW_MS)).toEqual({ kind: "look_up" });
    expect(decideAfterLookUp(tried, { kind: "found", stripeId: "mev" }, NOW_MS)).toMatchObject({ kind: "sent" });
    expect(decideAfterLookUp(tried, { kind: "absent" }, NOW_MS)).toMatchObject({ kind: "retry" });
    const counted = row({ finalAtMs, intentAtMs: NOW_MS - 6 * HOUR_MS });
    expect(decideAfterLookUp(counted, { kind: "absent" }, NOW_MS)).toMatchObject({ kind: "rejected" });
    expect(decideSend(row({ finalAtMs: NOW_MS }), NOW_MS)).toEqual({ kind: "send" });
  });

  test("makes a new key only after a look-up that found nothing", () => {
    expect(idempotencyKey(row())).toBe("prego_1");
    expect(idempotencyKey(row({ keyEpoch: 2 }))).toBe("prego_1-2");
    const old = row({ intentAtMs: NOW_MS - 25 * HOUR_MS });
    expect(decideAfterLookUp(old, { kind: "absent" }, NOW_MS)).toEqual({ kind: "renew" });
    expect(decideAfterLookUp(old, { kind: "found", stripeId: "ii_1" }, NOW_MS)).toEqual({
      kind: "sent",
      stripeId: "ii_1",
    });
    expect(decideAfterLookUp(old, { kind: "unknown", reason: "x" }, NOW_MS)).toMatchObject({ kind: "retry" });
    expect(decideAfterLookUp(old, { kind: "different", reason: "x" }, NOW_MS)).toMatchObject({ kind: "rejected" });
    const tooOld = row({ intentAtMs: 0, eventAtMs: NOW_MS - 36 * 24 * HOUR_MS });
    expect(decideAfterLookUp(tooOld, { kind: "absent" }, NOW_MS)).toMatchObject({ kind: "rejected" });
  });

  test("waits longer after each unclear answer, up to a day, and never gives up", () => {
    const unclear = { kind: "unclear", reason: "api_error (500)" } as const;
    let lastMs = 0;
    for (let attempts = 1; attempts <= 100; attempts += 1) {
      const outcome = decideFailure(row({ attempts }), unclear, 0);
      if (outcome.kind !== "retry") throw new Error(`attempt ${attempts} is not retried`);
      expect(outcome.atMs).toBeGreaterThanOrEqual(lastMs);
      lastMs = outcome.atMs;
    }
    expect(lastMs).toBe(24 * HOUR_MS);
    const unknown = { kind: "unknown", reason: "no_active_meter" } as const;
    expect(decideAfterLookUp(row({ attempts: 100 }), unknown, 0)).toMatchObject({ kind: "retry", atMs: lastMs });
  });
});

describe("an error of Stripe", () => {
  const error = { statusCode: 400, code: undefined, type: "invalid_request_error", message: "", retryAfter: undefined };

  test.each([
    ["no answer", { ...error, statusCode: undefined }, "unclear"],
    ["500", { ...error, statusCode: 500 }, "unclear"],
    ["409, another call with the key is under way", { ...error, statusCode: 409 }, "unclear"],
    ["401", { ...error, statusCode: 401 }, "unauthorized"],
    ["403", { ...error, statusCode: 403 }, "unauthorized"],
    ["429", { ...error, statusCode: 429 }, "rate_limited"],
    ["400", error, "refused"],
    ["404", { ...error, statusCode: 404, code: "resource_missing" }, "refused"],
    ["a known identifier", { ...error, message: "An event already exists with identifier x." }, "duplicate"],
  ])("is read by its status: %s", (_, fields, kind) => {
    expect(classifyStripeError(fields, "meter_event").kind).toBe(kind);
  });

  test("gives its message only for a refused meter event without a code, because it may name the customer", () => {
    const told = { ...error, message: "No such customer: jane@example.com" };
    expect(classifyStripeError(told, "invoice_item")).toEqual({
      kind: "refused",
      reason: "invalid_request_error (400)",
    });
    expect(classifyStripeError(told, "meter_event")).toMatchObject({ reason: expect.stringContaining("No such") });
    expect(classifyStripeError({ ...told, code: "resource_missing" }, "meter_event")).toMatchObject({
      reason: "resource_missing (400)",
    });
  });

  test("stops the run and leaves the row alone when it concerns every call", () => {
    const limited = classifyStripeError({ ...error, statusCode: 429, retryAfter: "120" }, "invoice_item");
    expect(decideFailure(row(), limited, NOW_MS)).toMatchObject({ kind: "released", atMs: NOW_MS + 120_000 });
    const wild = classifyStripeError({ ...error, statusCode: 429, retryAfter: "99999" }, "invoice_item");
    expect(decideFailure(row(), wild, NOW_MS)).toMatchObject({ kind: "released", atMs: NOW_MS + HOUR_MS });
    const revoked = classifyStripeError({ ...error, statusCode: 401 }, "invoice_item");
    expect(decideFailure(row(), revoked, NOW_MS)).toMatchObject({ kind: "released" });
  });
});
