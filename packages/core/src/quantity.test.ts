import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatQuantity, MICROS_PER_UNIT, parseQuantity } from "./quantity.ts";

const LARGEST_MICROS = 10n ** 18n - 1n;

describe("parseQuantity", () => {
  it.each([
    ["0", 0n],
    ["-0", 0n],
    ["0.000000", 0n],
    ["-0.0", 0n],
    ["1", MICROS_PER_UNIT],
    ["-1", -MICROS_PER_UNIT],
    ["0.000001", 1n],
    ["-0.000001", -1n],
    ["-0.5", -500_000n],
    ["1.5", 1_500_000n],
    ["1.50", 1_500_000n],
    ["9007199254.740993", 9_007_199_254_740_993n],
    ["999999999999.999999", LARGEST_MICROS],
    ["-999999999999.999999", -LARGEST_MICROS],
  ])("reads %s exactly", (text, micros) => {
    expect(parseQuantity(text)).toBe(micros);
  });

  it.each([
    "",
    "-",
    "+1",
    "--1",
    "01",
    "-01",
    "00",
    ".5",
    "5.",
    "-.5",
    "1e3",
    "1E3",
    "1e309",
    "0x10",
    "0b1",
    "NaN",
    "Infinity",
    " 5",
    "5 ",
    "5\n",
    "1 000",
    "1_000",
    "1,000",
    "1,5",
    "1.2.3",
    "1.0000000",
    "1000000000000",
    "1n",
    "٣",
    "５",
    "−1",
    "null",
  ])("refuses %j", (text) => {
    expect(parseQuantity(text)).toBeUndefined();
  });

  it("reads what BigInt arithmetic says of the digits", () => {
    const digits = fc.record({
      negative: fc.boolean(),
      units: fc.bigInt({ min: 0n, max: 10n ** 12n - 1n }),
      fraction: fc.stringMatching(/^[0-9]{1,6}$/),
    });
    fc.assert(
      fc.property(digits, ({ negative, units, fraction }) => {
        const micros = units * MICROS_PER_UNIT + BigInt(fraction) * 10n ** BigInt(6 - fraction.length);
        expect(parseQuantity(`${negative ? "-" : ""}${units}.${fraction}`)).toBe(negative ? -micros : micros);
      }),
    );
  });

  it("accepts no text outside of the grammar", () => {
    const nearNumbers = fc.string({ unit: fc.constantFrom("0", "1", "9", ".", "-", "+"), minLength: 1, maxLength: 22 });
    fc.assert(
      fc.property(nearNumbers, (text) => {
        const micros = parseQuantity(text);
        fc.pre(micros !== undefined);
        const [, units, fraction = ""] = /^-?(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
        expect(units).toBe(BigInt(units ?? "").toString());
        expect(units?.length).toBeLessThanOrEqual(12);
        expect(fraction.length).toBeLessThanOrEqual(6);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("formatQuantity", () => {
  it.each([
    [0n, "0"],
    [1n, "0.000001"],
    [-1n, "-0.000001"],
    [100n, "0.0001"],
    [500_000n, "0.5"],
    [-500_000n, "-0.5"],
    [MICROS_PER_UNIT, "1"],
    [100n * MICROS_PER_UNIT, "100"],
    [100_100_100n, "100.1001"],
    [LARGEST_MICROS, "999999999999.999999"],
    [10n ** 24n, "1000000000000000000"],
  ])("writes %s micro-units as %s", (micros, text) => {
    expect(formatQuantity(micros)).toBe(text);
  });

  it("writes what parseQuantity reads back", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -LARGEST_MICROS, max: LARGEST_MICROS }), (micros) => {
        expect(parseQuantity(formatQuantity(micros))).toBe(micros);
      }),
    );
  });

  it("writes one text per value, whatever zeros were read", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 12n - 1n }), fc.nat({ max: 5 }), (units, zeros) => {
        const read = parseQuantity(`${units}.${"0".repeat(zeros + 1)}`);
        expect(formatQuantity(read ?? -1n)).toBe(units.toString());
      }),
    );
  });
});
