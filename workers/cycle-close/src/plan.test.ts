import { priceQuantity } from "@prego/core/pricing";
import { describe, expect, test } from "vitest";
import { planTenantClose } from "./plan.ts";
import {
  liveOn,
  asStored,
  closeInputs,
  flat,
  planMeter,
  planVersion,
  UNIT,
  usage,
  wholeCycle,
} from "./plan-test-kit.ts";
import { TenantCloseError } from "./plan/inputs.ts";

const graduated = {
  model: "graduated" as const,
  tiers: [
    { upTo: "100", unitAmount: "3" },
    { upTo: null, unitAmount: "1.005", flatAmount: "10" },
  ],
};

describe("the cycle's own lines", () => {
  test("grant the allowance first and price what is above it", () => {
    const plan = planVersion([planMeter("api", { included: 100n * UNIT })]);
    const { lines, charges } = planTenantClose(closeInputs(plan, { usage: [usage("api", 130n)] }));
    expect(lines).toMatchObject([
      { quantity: 130n * UNIT, included: 100n * UNIT, overage: 30n * UNIT, amountMinor: 60n },
    ]);
    expect(charges).toMatchObject([
      { mode: "invoice_item", payload: { customer: "cus_1", amount: "60", currency: "eur" } },
    ]);
  });

  test("cost nothing and charge nothing up to the last micro-unit of the allowance", () => {
    const plan = planVersion([planMeter("api", { included: 100n * UNIT, price: flat("1000000") })]);
    const exactly = planTenantClose(closeInputs(plan, { usage: [usage("api", 100n)] }));
    expect(exactly.lines).toMatchObject([{ overage: 0n, amountMinor: 0n }]);
    expect(exactly.charges).toEqual([]);
    const above = planTenantClose(closeInputs(plan, { usage: [usage("api", 0n, { qty: 100n * UNIT + 1n })] }));
    expect(above.lines).toMatchObject([{ overage: 1n, amountMinor: 1n }]);
    expect(above.charges).toHaveLength(1);
  });

  test("round once, half up, over all tiers of a line", () => {
    const plan = planVersion([planMeter("api", { price: graduated })]);
    const { lines } = planTenantClose(closeInputs(plan, { usage: [usage("api", 200n)] }));
    // 100 x 3 + 10 + 100 x 1.005 = 410.5
    expect(lines[0]?.amountMinor).toBe(411n);
    expect(lines[0]?.snapshot.parts).toMatchObject([{ amount: "300" }, { amount: "110.5", flat_amount: "10" }]);
  });

  test("share a pool by weight in the order of the meters, after each meter's own allowance", () => {
    const meters = [
      planMeter("cpu", { poolWeight: "2", included: 10n * UNIT }),
      planMeter("gpu", { poolWeight: "10" }),
      planMeter("mail", { included: 5n * UNIT }),
    ];
    const plan = planVersion(meters, { poolIncluded: 100n * UNIT });
    const { lines } = planTenantClose(
      closeInputs(plan, { usage: [usage("cpu", 40n), usage("gpu", 9n), usage("mail", 6n)] }),
    );
    // cpu: 10 own, 30 x 2 = 60 of the pool; gpu: 40 left are 4 units.
    expect(lines.map(({ included, overage }) => [included / UNIT, overage / UNIT])).toEqual([
      [40n, 0n],
      [4n, 5n],
      [5n, 1n],
    ]);
    expect(lines.map(({ snapshot }) => snapshot.pool?.covered_micros)).toEqual(["30000000", "4000000", undefined]);
  });

  test("combine hours as the meter says: counted, largest, latest and distinct", () => {
    const plan = planVersion([planMeter("hits"), planMeter("peak"), planMeter("seats"), planMeter("visitors")]);
    const meters = new Map([
      ["hits", { aggregation: "count" as const, unit: "hit" }],
      ["peak", { aggregation: "max" as const, unit: "GB" }],
      ["seats", { aggregation: "last" as const, unit: "seat" }],
      ["visitors", { aggregation: "unique" as const, unit: "visitor" }],
      ["unpriced", { aggregation: "unique" as const, unit: "visitor" }],
    ]);
    const used = [
      usage("hits", 999n, { events: 7n }),
      usage("peak", 999n, { maxQty: 12n * UNIT }),
      usage("seats", 999n, { lastQty: 3n * UNIT }),
      usage("visitors", 999n, { newValues: 5n }),
      usage("unpriced", 999n, { newValues: 4n }),
    ];
    const { lines } = planTenantClose(closeInputs(plan, { meters, usage: used }));
    expect(lines.map((line) => line.quantity / UNIT)).toEqual([7n, 12n, 3n, 4n, 5n]);
  });

  test("record a meter that the plan does not name, at no cost", () => {
    const plan = planVersion([planMeter("api")]);
    const { lines, charges } = planTenantClose(closeInputs(plan, { usage: [usage("typo", 5n)] }));
    expect(lines).toMatchObject([
      { meterKey: "api", quantity: 0n },
      { meterKey: "typo", quantity: 5n * UNIT, overage: 0n, amountMinor: 0n, snapshot: { note: "meter_not_in_plan" } },
    ]);
    expect(charges).toEqual([]);
  });

  test("show that a tenant is closed even under a plan without meters", () => {
    const { lines } = planTenantClose(closeInputs(planVersion([])));
    expect(lines).toMatchObject([{ meterKey: "api_requests", quantity: 0n, amountMinor: 0n }]);
  });

  test("cover corrections beyond the usage and never become an income", () => {
    const plan = planVersion([planMeter("api")]);
    const { lines, charges } = planTenantClose(closeInputs(plan, { usage: [usage("api", -5n)] }));
    expect(lines).toMatchObject([{ quantity: -5n * UNIT, overage: 0n, amountMinor: 0n }]);
    expect(charges).toEqual([]);
  });
});

describe("a meter event", () => {
  const plan = planVersion([planMeter("api", { stripeEventName: "api_calls" })], { billingMode: "meter_event" });

  test("carries whole units of the overage, rounded half up once, in the cycle's last second", () => {
    const half = usage("api", 0n, { qty: 7_500_000n });
    const { lines, charges } = planTenantClose(closeInputs(plan, { usage: [half] }));
    expect(charges).toMatchObject([
      { mode: "meter_event", payload: { value: "8", timestamp: Date.parse("2026-11-30T23:59:59Z") / 1_000 } },
    ]);
    expect(lines[0]?.snapshot.meter_units).toEqual({ sent: "8", overage: "7.5" });
  });

  test("is not sent for less than half a unit", () => {
    expect(planTenantClose(closeInputs(plan, { usage: [usage("api", 0n, { qty: 499_999n })] })).charges).toEqual([]);
  });

  test("of late usage lies in a minute of its own within the cycle that bills it", () => {
    const then = { ...liveOn(plan), askedAtMs: Date.parse("2026-10-01T00:40:00Z") };
    const october = planTenantClose(closeInputs(plan, { cycle: "2026-09", usage: [usage("api", 1n)], live: then }));
    const late = [{ meterKey: "api", correctedCycle: "2026-09", qty: 4n * UNIT, events: 1n, digest: "l" }];
    const inputs = closeInputs(plan, { usage: [usage("api", 2n)], late, stored: asStored(october.lines) });
    const times = planTenantClose(inputs).charges.map(({ payload }) =>
      "timestamp" in payload ? payload.timestamp : 0,
    );
    expect(times.map((seconds) => new Date(seconds * 1_000).toISOString())).toEqual([
      "2026-11-30T23:59:59.000Z",
      "2026-11-30T23:57:59.000Z",
    ]);
  });
});

describe("a tenant that cannot be closed", () => {
  const reasonOf = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      if (error instanceof TenantCloseError) return error.reason;
      throw error;
    }
    return "closed";
  };

  test("says that it owes money and has no Stripe customer", () => {
    const plan = planVersion([planMeter("api")]);
    const inputs = closeInputs(plan, { usage: [usage("api", 1n)], stripeCustomerId: null });
    expect(reasonOf(() => planTenantClose(inputs))).toBe("stripe_customer_missing");
    expect(reasonOf(() => planTenantClose(closeInputs(plan, { stripeCustomerId: null })))).toBe("closed");
  });

  test("says that the plan names no Stripe meter, or that a rollup lacks its maximum", () => {
    const metered = planVersion([planMeter("api")], { billingMode: "meter_event" });
    expect(reasonOf(() => planTenantClose(closeInputs(metered, { usage: [usage("api", 1n)] })))).toBe(
      "stripe_event_name_missing",
    );
    const meters = new Map([["api", { aggregation: "max" as const, unit: "GB" }]]);
    const inputs = closeInputs(planVersion([planMeter("api")]), { meters, usage: [usage("api", 1n)] });
    expect(reasonOf(() => planTenantClose(inputs))).toBe("rollup_incomplete");
  });
});

describe("late usage", () => {
  const late = (units: bigint, meterKey = "api") => ({
    meterKey,
    correctedCycle: "2026-10",
    qty: units * UNIT,
    events: 1n,
    digest: "late",
  });
  const closeOctober = (plan: ReturnType<typeof planVersion>, used: ReturnType<typeof usage>[]) =>
    asStored(planTenantClose(closeInputs(plan, { cycle: "2026-10", usage: used })).lines);
  const lateLines = (inputs: Parameters<typeof planTenantClose>[0]) =>
    planTenantClose(inputs).lines.filter((line) => line.correctedCycle !== line.cycle);

  test("uses what is left of its own cycle's allowance, and the new cycle's allowance stays whole", () => {
    const plan = planVersion([planMeter("api", { included: 100n * UNIT })]);
    const stored = closeOctober(plan, [usage("api", 90n)]);
    const { lines } = planTenantClose(closeInputs(plan, { usage: [usage("api", 100n)], late: [late(25n)], stored }));
    expect(lines).toMatchObject([
      { correctedCycle: "2026-11", overage: 0n, amountMinor: 0n },
      {
        correctedCycle: "2026-10",
        cycle: "2026-11",
        quantity: 25n * UNIT,
        included: 10n * UNIT,
        overage: 15n * UNIT,
        amountMinor: 30n,
      },
    ]);
  });

  test("is priced by the plan of its own cycle, whatever the plan is now", () => {
    const stored = closeOctober(planVersion([planMeter("api", { price: flat("7") })]), [usage("api", 1n)]);
    const now = planVersion([planMeter("api", { price: flat("9") })], { version: 2, currency: "usd" });
    expect(lateLines(closeInputs(now, { late: [late(2n)], stored }))).toMatchObject([
      { amountMinor: 14n, currency: "eur", snapshot: { plan_version: 1 } },
    ]);
  });

  test.each([
    ["graduated", graduated],
    ["volume", { ...graduated, model: "volume" as const }],
    ["package", { model: "package" as const, packageSize: "50", packageAmount: "99.5" }],
  ])("adds up with its cycle to the price of everything used: %s", (_, price) => {
    const plan = planVersion([planMeter("api", { price, included: 10n * UNIT })]);
    let stored = closeOctober(plan, [usage("api", 70n)]);
    let total = 70n;
    let amount = priceQuantity(price, 60n * UNIT).amountMinor;
    for (const [cycle, units] of [
      ["2026-11", 45n],
      ["2026-12", 200n],
      ["2027-01", -120n],
    ] as const) {
      const lines = lateLines(closeInputs(plan, { cycle, late: [late(units)], stored }));
      stored = [...stored, ...asStored(lines)];
      total += units;
      amount += lines[0]?.amountMinor ?? 0n;
      expect(amount).toBe(priceQuantity(price, (total - 10n) * UNIT).amountMinor);
    }
  });

  test("takes back what it was charged when it takes back usage, and not more", () => {
    const plan = planVersion([planMeter("api", { included: 100n * UNIT })]);
    const stored = closeOctober(plan, [usage("api", 110n)]);
    expect(lateLines(closeInputs(plan, { late: [late(-50n)], stored }))).toMatchObject([
      { quantity: -50n * UNIT, included: -40n * UNIT, overage: -10n * UNIT, amountMinor: -20n },
    ]);
  });

  test("uses what its cycle left in the pool, and what others took is gone", () => {
    const meters = [planMeter("cpu", { poolWeight: "1" }), planMeter("gpu", { poolWeight: "10" })];
    const plan = planVersion(meters, { poolIncluded: 100n * UNIT });
    const stored = closeOctober(plan, [usage("cpu", 30n), usage("gpu", 5n)]);
    const lines = lateLines(closeInputs(plan, { late: [late(1n, "gpu"), late(15n, "cpu")], stored }));
    // 20 units are left: cpu takes 15, so gpu's 10 no longer fit as a whole.
    expect(lines.map(({ meterKey, included, overage }) => [meterKey, included, overage])).toEqual([
      ["cpu", 15n * UNIT, 0n],
      ["gpu", 500_000n, 500_000n],
    ]);
  });

  test("of a tenant that was not there yet is priced by the plan of then, allowance included", () => {
    const then = planVersion([planMeter("api", { included: 3n * UNIT, price: flat("5") })]);
    const inputs = closeInputs(planVersion([]), {
      late: [late(10n)],
      earlierParts: new Map([["2026-10", [wholeCycle(then)]]]),
    });
    expect(lateLines(inputs)).toMatchObject([{ overage: 7n * UNIT, amountMinor: 35n }]);
  });

  test("of a distinct-count meter is priced by the values that were new to the cycle", () => {
    const plan = planVersion([planMeter("api", { included: 100n * UNIT })]);
    const meters = new Map([["api", { aggregation: "unique" as const, unit: "visitor" }]]);
    const used = [usage("api", 999n, { newValues: 90n })];
    const stored = asStored(planTenantClose(closeInputs(plan, { cycle: "2026-10", usage: used, meters })).lines);
    expect(lateLines(closeInputs(plan, { late: [{ ...late(25n), events: 400n }], stored, meters }))).toMatchObject([
      { quantity: 25n * UNIT, included: 10n * UNIT, overage: 15n * UNIT, amountMinor: 30n },
    ]);
  });

  test("of a largest-value meter that does not say its largest value is recorded, shown and not priced", () => {
    const plan = planVersion([planMeter("api")]);
    const meters = new Map([["api", { aggregation: "max" as const, unit: "GB" }]]);
    const used = [usage("api", 0n, { maxQty: 4n * UNIT })];
    const stored = asStored(planTenantClose(closeInputs(plan, { cycle: "2026-10", usage: used, meters })).lines);
    expect(lateLines(closeInputs(plan, { late: [late(9n)], stored, meters }))).toMatchObject([
      { quantity: 9n * UNIT, overage: 0n, amountMinor: 0n, snapshot: { note: "late_usage_not_priced" } },
    ]);
  });
});
