import { EVENT_AGE_MS_MAX } from "@prego/core/limits";
import { describe, expect, test } from "vitest";
import { planTenantClose } from "../plan.ts";
import { asStored, closeInputs, liveOn, planMeter, planVersion, usage } from "../plan-test-kit.ts";
import type { LivePlan, TenantCloseInputs } from "./inputs.ts";
import { nameParts } from "./line-part.ts";

const HOUR_MS = 3_600_000;
const at = Date.parse;
const price = { model: "package", packageSize: "10", packageAmount: "7" } as const;
const metered = planVersion([planMeter("api", { stripeEventName: "api_calls" })], { billingMode: "meter_event" });
const packaged = planVersion([planMeter("api", { stripeEventName: "api_calls", price })], {
  billingMode: "meter_event",
});

const chargesOf = (live: Partial<LivePlan>, change: Partial<TenantCloseInputs> = {}, plan = metered) =>
  planTenantClose({
    ...closeInputs(plan, { usage: [usage("api", 10n)] }),
    live: { ...liveOn(plan), ...live },
    ...change,
  }).charges;
const wayOf = (...given: Parameters<typeof chargesOf>) =>
  chargesOf(...given).map(({ mode, payload }) => ("amount_reason" in payload ? payload.amount_reason : mode));

describe("a meter event and the invoice of its time", () => {
  // The event of November lies at its last second.
  test.each([
    ["runs on past the month", "2026-11-15T00:00:00Z", "2026-12-15T00:00:00Z", "2026-12-15T01:00:00Z"],
    [
      "ended with the month, and its invoice is open",
      "2026-11-01T00:00:00Z",
      "2026-12-01T00:00:00Z",
      "2026-12-01T01:00:00Z",
    ],
    [
      "has been followed by the next one, and its invoice is open",
      "2026-12-01T00:00:00Z",
      "2027-01-01T00:00:00Z",
      "2026-12-01T01:00:00Z",
    ],
  ])("is sent until the invoice is final when the period %s", (_, start, end, finalAt) => {
    const period = { startMs: at(start), endMs: at(end) };
    const askedAtMs = at("2026-12-01T00:00:00Z");
    expect(chargesOf({ period, askedAtMs })).toMatchObject([
      { mode: "meter_event", payload: { send_by: at(finalAt) / 1_000 } },
    ]);
    const lastMs = at(finalAt) - HOUR_MS;
    expect(wayOf({ period, askedAtMs: lastMs })).toEqual(["meter_event"]);
    expect(wayOf({ period, askedAtMs: lastMs + 1 })).toEqual(["period_invoiced"]);
  });

  test("follows how long the account keeps its invoices open", () => {
    const period = { startMs: at("2026-12-01T00:00:00Z"), endMs: at("2027-01-01T00:00:00Z") };
    const askedAtMs = at("2026-12-02T00:00:00Z");
    expect(wayOf({ period, askedAtMs })).toEqual(["period_invoiced"]);
    expect(wayOf({ period, askedAtMs, invoiceGraceMs: 72 * HOUR_MS })).toEqual(["meter_event"]);
  });

  test("is sent at any time while nothing says when the invoice is final", () => {
    const askedAtMs = at("2026-12-20T00:00:00Z");
    expect(chargesOf({ askedAtMs })[0]?.payload).not.toHaveProperty("send_by");
    const beyond = { startMs: at("2026-10-01T00:00:00Z"), endMs: at("2026-11-01T00:00:00Z") };
    expect(wayOf({ askedAtMs, period: beyond })).toEqual(["meter_event"]);
    expect(wayOf({ askedAtMs, period: { startMs: at("2026-11-15T00:00:00Z"), endMs: null } })).toEqual(["meter_event"]);
  });

  test("concerns each part by its own last second: what lies in the invoiced one is an amount", () => {
    const names = nameParts("2026-11", ["2026-11-01T00", "2026-11-10T00"]);
    const parts = names.map((part) => ({ part, plan: metered, usage: [usage("api", 10n)] }));
    const period = { startMs: at("2026-11-15T00:00:00Z"), endMs: at("2026-12-15T00:00:00Z") };
    expect(wayOf({ period }, { parts })).toEqual(["period_invoiced", "meter_event"]);
  });
});

describe("a line that Stripe cannot price rightly", () => {
  test("is an amount when its units are negative: a negative sum bills nothing there", () => {
    const stored = asStored(
      planTenantClose(closeInputs(metered, { cycle: "2026-10", usage: [usage("api", 9n)] })).lines,
    );
    const late = [{ meterKey: "api", correctedCycle: "2026-10", qty: -4_000_000n, events: 1n, digest: "l" }];
    expect(wayOf({}, { stored, late })).toEqual(["meter_event", "negative_units"]);
  });

  test("is an amount when the version that priced it names another metered price than the one in force", () => {
    const named = {
      ...metered,
      meters: [planMeter("api", { stripeEventName: "api_calls", stripePriceId: "price_1" })],
    };
    expect(wayOf({ meterPrices: new Map([["api", "price_1"]]) }, {}, named)).toEqual(["meter_event"]);
    expect(wayOf({ meterPrices: new Map([["api", "price_2"]]) }, {}, named)).toEqual(["price_not_on_subscription"]);
  });

  test("is an amount at tiers when Stripe's period is longer than a month", () => {
    const year = { startMs: at("2026-03-10T00:00:00Z"), endMs: at("2027-03-10T00:00:00Z") };
    expect(wayOf({ period: year }, {}, packaged)).toEqual(["share_of_tiers"]);
    expect(wayOf({ period: year })).toEqual(["meter_event"]);
  });

  test("is an amount when its event lies before the period before the running one", () => {
    const week = { startMs: at("2026-12-01T00:00:00Z"), endMs: at("2026-12-08T00:00:00Z") };
    const names = nameParts("2026-11", ["2026-11-01T00", "2026-11-10T00"]);
    const parts = names.map((part) => ({ part, plan: metered, usage: [usage("api", 10n)] }));
    const askedAtMs = at("2026-12-01T00:00:00Z");
    expect(wayOf({ period: week, askedAtMs }, { parts })).toEqual(["period_invoiced", "meter_event"]);
  });

  test("is an amount when its event would be older than Stripe takes", () => {
    const eventAtMs = at("2026-11-30T23:59:59Z");
    const lastMs = eventAtMs + EVENT_AGE_MS_MAX - HOUR_MS;
    expect(wayOf({ askedAtMs: lastMs })).toEqual(["meter_event"]);
    expect(wayOf({ askedAtMs: lastMs + 1 })).toEqual(["event_too_old"]);
  });

  test("is an amount when the subscription is known not to have its price", () => {
    expect(wayOf({ unpricedMeters: new Set(["other"]) })).toEqual(["meter_event"]);
    expect(wayOf({ unpricedMeters: new Set(["api"]) })).toEqual(["price_not_on_subscription"]);
  });

  test("is an amount when tiers or packages would be applied to it and others together", () => {
    const stored = asStored(
      planTenantClose(closeInputs(packaged, { cycle: "2026-10", usage: [usage("api", 5n)] })).lines,
    );
    const late = [{ meterKey: "api", correctedCycle: "2026-10", qty: 7_000_000n, events: 1n, digest: "l" }];
    expect(wayOf({}, { stored, late }, packaged)).toEqual(["meter_event", "share_of_tiers"]);
    const flat = asStored(planTenantClose(closeInputs(metered, { cycle: "2026-10", usage: [usage("api", 5n)] })).lines);
    expect(wayOf({}, { stored: flat, late })).toEqual(["meter_event", "meter_event"]);
    const parts = nameParts("2026-11", ["2026-11-01T00", "2026-11-10T00"]).map((part) => ({
      part,
      plan: packaged,
      usage: [usage("api", 10n)],
    }));
    expect(wayOf({}, { parts }, packaged)).toEqual(["share_of_tiers", "share_of_tiers"]);
  });
});
