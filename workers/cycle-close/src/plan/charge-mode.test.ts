import { describe, expect, test } from "vitest";
import { identifyCharges } from "../close-tenant.ts";
import { planTenantClose } from "../plan.ts";
import { asStored, closeInputs, flat, liveOn, planMeter, planVersion, UNIT, usage } from "../plan-test-kit.ts";
import type { LateUsage, PlanVersion, TenantCloseInputs } from "./inputs.ts";
import { nameParts } from "./line-part.ts";

const CYCLE = "2026-11";
const api = (unitAmount: string, eventName: string | null = "api_calls") =>
  planMeter("api", { price: flat(unitAmount), stripeEventName: eventName });
const metered = planVersion([api("3")], { planId: "metered", billingMode: "meter_event" });
const items = planVersion([api("2")], { planId: "items" });
const secondMetered = planVersion([api("5")], { planId: "second", billingMode: "meter_event" });

/** The month in parts, one from each of the days on, with ten units in every part. */
function inParts(...parts: [day: string, plan: PlanVersion][]): TenantCloseInputs["parts"] {
  const names = nameParts(
    CYCLE,
    parts.map(([day]) => `${CYCLE}-${day}T00`),
  );
  return parts.map(([, plan], index) => ({ part: names[index], plan, usage: [usage("api", 10n)] }));
}

const plan = (change: Partial<TenantCloseInputs>) =>
  planTenantClose({ ...closeInputs(metered, { usage: [usage("api", 10n)] }), ...change });

/** Way, figure and reason of every charge, in order. */
const ways = (change: Partial<TenantCloseInputs>) =>
  plan(change).charges.map(({ mode, payload }) =>
    [
      mode,
      "amount" in payload ? payload.amount : payload.value,
      ...("amount_reason" in payload ? [payload.amount_reason] : []),
    ].join(" "),
  );

const since = (day: string, of: PlanVersion) => ({ ...liveOn(of), sinceMs: Date.parse(`${CYCLE}-${day}T00:20:00Z`) });
const late = (correctedCycle: string, units: bigint): LateUsage[] => [
  { meterKey: "api", correctedCycle, qty: units, events: 1n, digest: "l" },
];

describe("a part under a plan that the tenant has left", () => {
  test.each([
    ["metered to items", metered, items, ["invoice_item 30 plan_left", "invoice_item 20"]],
    ["items to metered", items, metered, ["invoice_item 20", "meter_event 10"]],
    ["metered to metered", metered, secondMetered, ["invoice_item 30 plan_left", "meter_event 10"]],
    ["items to items", items, { ...items, planId: "others" }, ["invoice_item 20", "invoice_item 20"]],
  ])("is an amount by its own plan, and the part after it goes as its plan says: %s", (_, from, to, expected) => {
    const parts = inParts(["01", from], ["11", to]);
    expect(ways({ parts, live: since("11", to) })).toEqual(expected);
  });

  test("is an amount also where the change came after the month, before its close", () => {
    expect(ways({ live: liveOn(secondMetered) })).toEqual(["invoice_item 30 plan_left"]);
    expect(ways({ live: liveOn(items) })).toEqual(["invoice_item 30 plan_left"]);
  });

  test("is an amount also when the tenant came back to that plan: its item at Stripe is younger than the event", () => {
    const parts = inParts(["01", metered], ["11", secondMetered], ["21", metered]);
    expect(ways({ parts, live: since("21", metered) })).toEqual([
      "invoice_item 30 subscribed_later",
      "invoice_item 50 plan_left",
      "meter_event 10",
    ]);
  });

  test("covers its own hours, in the currency of its plan, and says why", () => {
    const yen = { ...metered, currency: "jpy", meters: [api("3.5")] };
    const { lines, charges } = plan({
      parts: inParts(["01", yen], ["11", secondMetered]),
      live: liveOn(secondMetered),
    });
    expect(charges[0]).toMatchObject({
      mode: "invoice_item",
      payload: {
        amount: "35",
        currency: "jpy",
        period_start: Date.parse("2026-11-01T00:00:00Z") / 1_000,
        period_end: Date.parse("2026-11-10T23:59:59Z") / 1_000,
        amount_reason: "plan_left",
      },
    });
    expect(lines[0]?.snapshot).toMatchObject({
      billing_mode: "meter_event",
      amount_reason: "plan_left",
      meter_units: null,
    });
    expect(lines[1]?.snapshot.meter_units).toEqual({ sent: "10", overage: "10" });
    expect(lines[1]?.snapshot).not.toHaveProperty("amount_reason");
  });
});

describe("the plan's version of today", () => {
  test.each([
    ["is not metered any more", { ...metered, billingMode: "invoice_item" as const }],
    ["does not have the meter", { ...metered, meters: [] }],
    ["sends the meter elsewhere", { ...metered, meters: [api("3", "api_calls_v2")] }],
  ])("makes an amount of a line when it %s", (_, today) => {
    expect(ways({ live: liveOn(today) })).toEqual(["invoice_item 30 meter_not_in_live_plan"]);
  });

  test("may have another price: Stripe has it", () => {
    expect(ways({ live: liveOn({ ...metered, version: 2, meters: [api("9")] }) })).toEqual(["meter_event 10"]);
  });
});

describe("without a subscription that Stripe invoices", () => {
  test("a line is an amount under the identifier that its meter event would have", async () => {
    const [event, amount] = [plan({}), plan({ live: null })];
    expect(event.charges[0]?.mode).toBe("meter_event");
    expect(amount.charges).toMatchObject([{ mode: "invoice_item", payload: { amount: "30" } }]);
    const identifiers = await Promise.all([event, amount].map(identifyCharges));
    expect(identifiers[0]?.[0]?.identifier).toBe(identifiers[1]?.[0]?.identifier);
    expect(amount.lines[0]).toMatchObject({
      overage: event.lines[0]?.overage,
      amountMinor: event.lines[0]?.amountMinor,
    });
  });

  test("what rounds to nothing is no charge, and what is less than half a unit is one by its amount", () => {
    const used = (price: string, qty: bigint) => ({
      ...closeInputs({ ...metered, meters: [api(price)] }, { usage: [usage("api", 0n, { qty })] }),
    });
    expect(planTenantClose({ ...used("1", UNIT / 10n), live: null }).charges).toEqual([]);
    expect(planTenantClose(used("30", UNIT / 10n)).charges).toEqual([]);
    expect(planTenantClose({ ...used("30", UNIT / 10n), live: null }).charges).toMatchObject([
      { mode: "invoice_item", payload: { amount: "3" } },
    ]);
  });

  test("a customer is needed, an event name is not", () => {
    expect(() => plan({ live: null, stripeCustomerId: null })).toThrow("stripe_customer_missing");
    const nameless = closeInputs({ ...metered, meters: [api("3", null)] }, { usage: [usage("api", 10n)] });
    expect(() => planTenantClose(nameless)).toThrow("stripe_event_name_missing");
    expect(planTenantClose({ ...nameless, live: null }).charges).toMatchObject([{ payload: { amount: "30" } }]);
  });

  test("a pooled allowance is shared in the same order among meters of both ways", () => {
    const pooled = planVersion(
      ["a", "b", "c"].map((key) =>
        planMeter(key, { poolWeight: "1", price: flat("3"), stripeEventName: `${key}_event` }),
      ),
      { planId: "metered", billingMode: "meter_event", poolIncluded: 15n * UNIT },
    );
    const used = ["a", "b", "c"].map((key) => usage(key, 10n));
    // The version of today sends `b` elsewhere.
    const names = new Map([...liveOn(pooled).eventNames, ["b", "other_event"] as const]);
    const { lines, charges } = planTenantClose({
      ...closeInputs(pooled, { usage: used }),
      live: { ...liveOn(pooled), eventNames: names },
    });
    expect(lines.map(({ overage }) => overage)).toEqual([0n, 5n * UNIT, 10n * UNIT]);
    expect(charges).toMatchObject([
      { meterKey: "b", mode: "invoice_item", payload: { amount: "15" } },
      { meterKey: "c", mode: "meter_event", payload: { value: "10" } },
    ]);
  });
});

describe("late usage of a closed cycle", () => {
  const october = (change: Partial<TenantCloseInputs> = {}) =>
    asStored(
      planTenantClose({ ...closeInputs(metered, { cycle: "2026-10", usage: [usage("api", 10n)] }), ...change }).lines,
    );
  const quiet = { parts: inParts(["01", secondMetered]).map((part) => ({ ...part, usage: [] })) };

  test("under a plan that the tenant has left is an amount by that plan", () => {
    const change = { ...quiet, stored: october(), late: late("2026-10", 4n * UNIT), live: liveOn(secondMetered) };
    expect(ways(change)).toEqual(["invoice_item 12 plan_left"]);
  });

  test("of a tenant that left is an amount, of one that stayed a meter event in the month that bills it", () => {
    const change = { stored: october(), late: late("2026-10", 4n * UNIT) };
    const [event] = plan({ ...change, parts: inParts(["01", { ...metered, meters: [] }]) }).charges;
    expect(event).toMatchObject({ mode: "meter_event", payload: { value: "4" } });
    expect(ways({ ...quiet, ...change, live: null })).toEqual(["invoice_item 12 no_live_subscription"]);
  });

  test("on top of an amount is an amount, so that both together are the price of all, rounded once", () => {
    const before = planTenantClose({
      ...closeInputs({ ...metered, meters: [api("100")] }, { cycle: "2026-10" }),
      parts: [
        { part: undefined, plan: { ...metered, meters: [api("100")] }, usage: [usage("api", 0n, { qty: 400_000n })] },
      ],
      live: null,
    });
    expect(before.charges).toMatchObject([{ payload: { amount: "40" } }]);
    const change = { ...quiet, stored: asStored(before.lines), late: late("2026-10", 200_000n), live: liveOn(metered) };
    expect(ways(change)).toEqual(["invoice_item 20 corrects_an_amount"]);
    const next = asStored(plan({ ...change, live: null }).lines.filter((line) => line.correctedCycle === "2026-10"));
    const again = { ...change, cycle: "2026-12", stored: [...change.stored, ...next] };
    expect(ways({ ...again, parts: quiet.parts.map((part) => ({ ...part, part: undefined })) })).toEqual([
      "invoice_item 20 corrects_an_amount",
    ]);
  });

  test("of a meter whose late values are not priced is no charge either way", () => {
    const meters = new Map([["api", { aggregation: "last" as const, unit: "seat" }]]);
    const base = closeInputs(metered, {
      cycle: "2026-10",
      meters,
      usage: [usage("api", 10n, { lastQty: 10n * UNIT })],
    });
    const stored = asStored(planTenantClose({ ...base, live: null }).lines);
    const { lines, charges } = plan({ ...quiet, meters, stored, late: late("2026-10", UNIT), live: null });
    expect(charges).toEqual([]);
    expect(lines.at(-1)?.snapshot).toMatchObject({ note: "late_usage_not_priced" });
    expect(lines.at(-1)?.snapshot).not.toHaveProperty("amount_reason");
  });

  test("is a meter event where only another meter, part or month of its was an amount", () => {
    const [line] = october();
    const [first, second] = nameParts("2026-10", ["2026-10-01T00", "2026-10-11T00"]);
    if (line === undefined || first === undefined || second === undefined) throw new Error("no line");
    const { snapshot } = line;
    const reason = "plan_left" as const;
    const stored = [
      { ...line, snapshot: { ...snapshot, part: first } },
      { ...line, snapshot: { ...snapshot, part: second, amount_reason: reason } },
      { ...line, meterKey: "other", snapshot: { ...snapshot, part: first, amount_reason: reason } },
      { ...line, correctedCycle: "2026-09", cycle: "2026-09", snapshot: { ...snapshot, amount_reason: reason } },
    ];
    const parts = [{ part: undefined, plan: metered, usage: [] }];
    const used = late("2026-10", 4n * UNIT).flatMap((one) => [
      { ...one, part: first },
      { ...one, part: second },
    ]);
    expect(ways({ parts, stored, late: used })).toEqual(["meter_event 4", "invoice_item 12 corrects_an_amount"]);
  });
});
