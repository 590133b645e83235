import { describe, expect, test } from "vitest";
import { planTenantClose } from "../plan.ts";
import { asStored, closeInputs, flat, planMeter, planVersion, UNIT, usage } from "../plan-test-kit.ts";
import type { LateUsage, MeterUsage, StoredLine } from "./inputs.ts";
import { nameParts } from "./line-part.ts";

const plan = planVersion([planMeter("api", { included: 2n * UNIT, price: flat("3") })]);
const metersOf = (aggregation: "max" | "last") => new Map([["api", { aggregation, unit: "seat" }]]);
const at = (day: string): number => Date.parse(`2026-10-${day}T12:00:00Z`);
const value = (units: bigint, day: string): Partial<MeterUsage> => ({
  maxQty: units * UNIT,
  lastQty: units * UNIT,
  lastAtMs: at(day),
});
const late = (units: bigint, day: string, change: Partial<LateUsage> = {}): LateUsage => ({
  meterKey: "api",
  correctedCycle: "2026-10",
  qty: units * UNIT,
  events: 1n,
  maxQty: units * UNIT,
  last: { qty: units * UNIT, atMs: at(day) },
  digest: "l",
  ...change,
});

/** October as it was closed, with this value, or without any. */
const october = (aggregation: "max" | "last", used?: Partial<MeterUsage>): StoredLine[] =>
  asStored(
    planTenantClose(
      closeInputs(plan, {
        cycle: "2026-10",
        usage: used === undefined ? [] : [usage("api", 1n, used)],
        meters: metersOf(aggregation),
      }),
    ).lines,
  );

/** The line of late usage in the close of a later month. */
function correct(aggregation: "max" | "last", stored: StoredLine[], usages: LateUsage[], cycle = "2026-11") {
  const inputs = closeInputs(plan, { cycle, late: usages, stored, meters: metersOf(aggregation) });
  return planTenantClose(inputs).lines.filter((line) => line.correctedCycle === "2026-10");
}

describe("late usage of a largest-value meter", () => {
  test.each([
    ["a larger value costs the difference", value(5n, "10"), late(9n, "05"), { quantity: 4n * UNIT, amountMinor: 12n }],
    ["a smaller one costs nothing", value(5n, "10"), late(4n, "20"), { quantity: 0n, amountMinor: 0n }],
    [
      "a first one costs what is above the allowance",
      undefined,
      late(9n, "05"),
      { quantity: 9n * UNIT, amountMinor: 21n },
    ],
  ])("%s", (_, used, usage, expected) => {
    expect(correct("max", october("max", used), [usage])).toMatchObject([{ ...expected, snapshot: { note: null } }]);
  });

  test("is billed for the largest of all, however it is spread over later months", () => {
    const stored = october("max", value(5n, "10"));
    const first = correct("max", stored, [late(7n, "05")]);
    expect(first).toMatchObject([{ quantity: 2n * UNIT, amountMinor: 6n, snapshot: { level_micros: "7000000" } }]);
    const again = [...stored, ...asStored(first)];
    expect(correct("max", again, [late(6n, "06")], "2026-12")).toMatchObject([{ quantity: 0n, amountMinor: 0n }]);
    expect(correct("max", again, [late(8n, "06")], "2026-12")).toMatchObject([{ quantity: UNIT, amountMinor: 3n }]);
  });

  test("of a part is billed by its share of the hours", () => {
    const [first, second] = nameParts("2026-10", ["2026-10-01T00", "2026-10-16T12"]);
    const inputs = closeInputs(plan, { cycle: "2026-10", meters: metersOf("max") });
    const parts = [first, second].map((part) => ({ part, plan, usage: [usage("api", 1n, value(4n, "10"))] }));
    const stored = asStored(planTenantClose({ ...inputs, parts }).lines);
    const one = { ...late(6n, "20"), ...(second === undefined ? {} : { part: second }) };
    // Half of the month: half of two more, above half of an allowance of two.
    expect(correct("max", stored, [one])).toMatchObject([
      { quantity: UNIT, amountMinor: 3n, snapshot: { level_micros: "6000000", part: { from: "2026-10-16T12" } } },
    ]);
  });
});

describe("late usage of a last-value meter", () => {
  test.each([
    [
      "a later value counts instead, also a smaller one",
      value(5n, "10"),
      late(3n, "11"),
      { quantity: -2n * UNIT, amountMinor: -6n },
    ],
    ["an earlier one does not count", value(5n, "10"), late(9n, "09"), { quantity: 0n, amountMinor: 0n }],
    [
      "of two at one time the larger one counts",
      value(5n, "10"),
      late(9n, "10"),
      { quantity: 4n * UNIT, amountMinor: 12n },
    ],
    ["a first one counts", undefined, late(9n, "05"), { quantity: 9n * UNIT, amountMinor: 21n }],
  ])("%s", (_, used, usage, expected) => {
    expect(correct("last", october("last", used), [usage])).toMatchObject([{ ...expected, snapshot: { note: null } }]);
  });

  test("is billed for the last of all, however it is spread over later months", () => {
    const stored = october("last", value(5n, "10"));
    const again = [...stored, ...asStored(correct("last", stored, [late(8n, "12")]))];
    expect(correct("last", again, [late(9n, "11")], "2026-12")).toMatchObject([{ quantity: 0n, amountMinor: 0n }]);
    expect(correct("last", again, [late(4n, "13")], "2026-12")).toMatchObject([
      { quantity: -4n * UNIT, amountMinor: -12n },
    ]);
  });

  test("is not priced where nothing says when the closed value was reported", () => {
    const stored = october("last", value(5n, "10")).map(({ snapshot: { level_at: _at, ...snapshot }, ...line }) => ({
      ...line,
      snapshot,
    }));
    expect(correct("last", stored, [late(9n, "20")])).toMatchObject([
      { amountMinor: 0n, snapshot: { note: "late_usage_not_priced" } },
    ]);
  });

  test("after an earlier correction that was not priced starts from the value that was billed", () => {
    const stored = october("max", value(5n, "10"));
    const { maxQty: _max, last: _last, ...silent } = late(30n, "11");
    const again = [...stored, ...asStored(correct("max", stored, [silent]))];
    expect(correct("max", again, [late(7n, "12")], "2026-12")).toMatchObject([
      { quantity: 2n * UNIT, amountMinor: 6n },
    ]);
  });
});
