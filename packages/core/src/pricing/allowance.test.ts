import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRate, RATE_SCALE } from "../money.ts";
import { type PooledLine, splitAllowance, splitPooledAllowance } from "./allowance.ts";

const UNIT = 1_000_000n;

const signedQuantity = fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n });
const includedMicros = fc.bigInt({ min: 0n, max: 10n ** 18n });

const weight = fc.oneof(
  fc.constantFrom("0", "1", "0.5", "3", "0.000000000001", "7.000000000001"),
  fc.tuple(fc.nat({ max: 999 }), fc.stringMatching(/^[0-9]{1,12}$/)).map(([whole, fraction]) => `${whole}.${fraction}`),
);
const lines: fc.Arbitrary<PooledLine[]> = fc
  .array(fc.record({ quantity: fc.oneof(fc.bigInt({ min: -5n, max: 1_000n }), signedQuantity), weight }), {
    maxLength: 8,
  })
  .map((list) => list.map((line, index) => ({ key: `meter_${index}`, ...line })));
const pool = fc.oneof(fc.bigInt({ min: 0n, max: 5_000n }), includedMicros);

function weightScaled(line: PooledLine): bigint {
  return parseRate(line.weight)?.scaled ?? -1n;
}

/** What the lines took from the pool, micro-units times 10^12. */
function sumCoveredScaled(list: PooledLine[], includedUnits: bigint): bigint {
  const splits = splitPooledAllowance(list, includedUnits);
  return list.reduce((sum, line, index) => {
    const covered = splits[index]?.covered ?? 0n;
    return covered > 0n ? sum + covered * weightScaled(line) : sum;
  }, 0n);
}

describe("splitAllowance", () => {
  it.each([
    [0n, 0n, 0n, 0n],
    [0n, 10n, 0n, 0n],
    [5n, 10n, 5n, 0n],
    [10n, 10n, 10n, 0n],
    [11n, 10n, 10n, 1n],
    [11n, 0n, 0n, 11n],
    [-3n, 10n, -3n, 0n],
    [-3n, 0n, -3n, 0n],
  ])("splits %s with %s included into %s covered and %s over", (quantity, included, covered, overage) => {
    expect(splitAllowance({ quantity, included })).toEqual({ covered, overage });
  });

  it("loses nothing and covers no more than the allowance", () => {
    fc.assert(
      fc.property(signedQuantity, includedMicros, (quantity, included) => {
        const { covered, overage } = splitAllowance({ quantity, included });
        expect(covered + overage).toBe(quantity);
        expect(covered <= included && overage >= 0n).toBe(true);
        expect(overage === 0n || covered === included).toBe(true);
      }),
    );
  });

  it("grants the allowance once, however the usage of a cycle is divided", () => {
    const parts = fc.array(fc.bigInt({ min: 0n, max: 10n ** 12n }), { maxLength: 10 });
    fc.assert(
      fc.property(parts, includedMicros, (list, included) => {
        let left = included;
        let overage = 0n;
        for (const quantity of list) {
          const split = splitAllowance({ quantity, included: left });
          left -= split.covered;
          overage += split.overage;
        }
        const total = list.reduce((sum, quantity) => sum + quantity, 0n);
        expect(overage).toBe(splitAllowance({ quantity: total, included }).overage);
      }),
    );
  });

  it("refuses a negative allowance", () => {
    expect(() => splitAllowance({ quantity: 1n, included: -1n })).toThrow(RangeError);
  });
});

describe("splitPooledAllowance", () => {
  it("takes weighted units from the pool in the order given", () => {
    const requests = { key: "requests", quantity: 100n * UNIT, weight: "1" };
    const tokens = { key: "tokens", quantity: 1_000n * UNIT, weight: "0.01" };
    const images = { key: "images", quantity: 4n * UNIT, weight: "25" };
    expect(splitPooledAllowance([requests, tokens, images], 160n * UNIT)).toEqual([
      { key: "requests", covered: 100n * UNIT, overage: 0n },
      { key: "tokens", covered: 1_000n * UNIT, overage: 0n },
      { key: "images", covered: 2n * UNIT, overage: 2n * UNIT },
    ]);
    expect(splitPooledAllowance([images, tokens, requests], 160n * UNIT)).toEqual([
      { key: "images", covered: 4n * UNIT, overage: 0n },
      { key: "tokens", covered: 1_000n * UNIT, overage: 0n },
      { key: "requests", covered: 50n * UNIT, overage: 50n * UNIT },
    ]);
  });

  it("leaves what no whole micro-unit fits into to the next line", () => {
    const heavy = { key: "heavy", quantity: 5n, weight: "3" };
    const light = { key: "light", quantity: 5n, weight: "0.5" };
    expect(splitPooledAllowance([heavy, light], 10n)).toEqual([
      { key: "heavy", covered: 3n, overage: 2n },
      { key: "light", covered: 2n, overage: 3n },
    ]);
  });

  it("covers weight 0 and corrections entirely without touching the pool", () => {
    const free = { key: "free", quantity: 10n ** 18n, weight: "0" };
    const corrected = { key: "corrected", quantity: -50n, weight: "2" };
    const paid = { key: "paid", quantity: 11n, weight: "1" };
    expect(splitPooledAllowance([free, corrected, paid], 10n)).toEqual([
      { key: "free", covered: 10n ** 18n, overage: 0n },
      { key: "corrected", covered: -50n, overage: 0n },
      { key: "paid", covered: 10n, overage: 1n },
    ]);
  });

  it("splits one line of weight 1 as splitAllowance does", () => {
    fc.assert(
      fc.property(signedQuantity, includedMicros, (quantity, included) => {
        const [split] = splitPooledAllowance([{ key: "only", quantity, weight: "1" }], included);
        expect(split).toEqual({ key: "only", ...splitAllowance({ quantity, included }) });
      }),
    );
  });

  it("keeps lines and order, and each line's covered and overage add up to its quantity", () => {
    fc.assert(
      fc.property(lines, pool, (list, includedUnits) => {
        const splits = splitPooledAllowance(list, includedUnits);
        expect(splits.map(({ key, covered, overage }) => ({ key, quantity: covered + overage }))).toEqual(
          list.map(({ key, quantity }) => ({ key, quantity })),
        );
        expect(splits.every(({ overage }) => overage >= 0n)).toBe(true);
      }),
    );
  });

  it("never covers more weighted units than the pool holds", () => {
    fc.assert(
      fc.property(lines, pool, (list, includedUnits) => {
        expect(sumCoveredScaled(list, includedUnits) <= includedUnits * RATE_SCALE).toBe(true);
      }),
    );
  });

  it("bills overage only when the rest of the pool is less than that line's micro-unit", () => {
    fc.assert(
      fc.property(lines, pool, (list, includedUnits) => {
        let leftScaled = includedUnits * RATE_SCALE;
        for (const [index, { covered, overage }] of splitPooledAllowance(list, includedUnits).entries()) {
          const line = list[index];
          if (line === undefined) throw new Error("a split without its line");
          if (covered > 0n) leftScaled -= covered * weightScaled(line);
          expect(overage === 0n || leftScaled < weightScaled(line)).toBe(true);
        }
      }),
    );
  });

  it("uses the pool up alike in any order, to less than one micro-unit of the heaviest line", () => {
    fc.assert(
      fc.property(lines, pool, (list, includedUnits) => {
        const heaviest = list.map(weightScaled).reduce((a, b) => (a > b ? a : b), 1n);
        const difference = sumCoveredScaled(list, includedUnits) - sumCoveredScaled(list.toReversed(), includedUnits);
        expect(difference > -heaviest && difference < heaviest).toBe(true);
      }),
    );
  });

  it.each(["", "-1", "1e3", "0.0000000000001"])("refuses the weight %j", (text) => {
    expect(() => splitPooledAllowance([{ key: "a", quantity: 1n, weight: text }], 1n)).toThrow(RangeError);
  });

  it("refuses a negative pool", () => {
    expect(() => splitPooledAllowance([], -1n)).toThrow(RangeError);
  });
});
