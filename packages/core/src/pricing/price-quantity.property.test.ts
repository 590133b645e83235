import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { divideHalfUp, RATE_SCALE } from "../money.ts";
import { formatQuantity, MICROS_PER_UNIT, type QuantityMicros } from "../quantity.ts";
import { Price, type Tier } from "./price.ts";
import { AMOUNT_SCALE, priceQuantity } from "./price-quantity.ts";

const rate = fc
  .tuple(fc.bigInt({ min: 0n, max: 100_000n }), fc.stringMatching(/^[0-9]{1,12}$/))
  .map(([whole, fraction]) => `${whole}.${fraction}`);
const quantity = fc.oneof(
  fc.bigInt({ min: 0n, max: 40n }).map((units) => units * MICROS_PER_UNIT),
  fc.bigInt({ min: 0n, max: 10n ** 18n - 1n }),
  fc.bigInt({ min: 0n, max: 50n * MICROS_PER_UNIT }),
);
const tierEnd = fc.oneof(
  fc.bigInt({ min: 1n, max: 30n }).map((units) => units * MICROS_PER_UNIT),
  fc.bigInt({ min: 1n, max: 40n * MICROS_PER_UNIT }),
);

const tiers: fc.Arbitrary<Tier[]> = fc
  .record({
    ends: fc.uniqueArray(tierEnd, { maxLength: 5 }),
    amounts: fc.array(fc.record({ unitAmount: rate, flatAmount: rate }, { requiredKeys: ["unitAmount"] }), {
      minLength: 6,
      maxLength: 6,
    }),
  })
  .map(({ ends, amounts }) => {
    const ascending = ends.toSorted((a, b) => (a < b ? -1 : 1)).map(formatQuantity);
    return [...ascending, null].map((upTo, index) => ({ upTo, ...(amounts[index] ?? { unitAmount: "0" }) }));
  });

const flat = rate.map((unitAmount): Price => ({ model: "flat", unitAmount }));
const graduated = tiers.map((list) => ({ model: "graduated" as const, tiers: list }));
const volume = tiers.map((list) => ({ model: "volume" as const, tiers: list }));
const packages = fc
  .tuple(tierEnd, rate)
  .map(([size, packageAmount]): Price => ({ model: "package", packageSize: formatQuantity(size), packageAmount }));
const anyPrice: fc.Arbitrary<Price> = fc.oneof(flat, graduated, volume, packages);

function sumScaled(price: Price, micros: QuantityMicros): bigint {
  return priceQuantity(price, micros).parts.reduce((sum, part) => sum + part.amountScaled, 0n);
}

/** The exact amount by another way: digits without the point, over the power of ten the point stood for. */
function scaleText(text: string): bigint {
  const [whole = "", fraction = ""] = text.split(".");
  return (BigInt(whole + fraction) * RATE_SCALE) / 10n ** BigInt(fraction.length);
}

function endOf(tier: Tier): bigint | null {
  return tier.upTo === null ? null : scaleText(tier.upTo) / MICROS_PER_UNIT;
}

/** The rate at which the one micro-unit that completes `micros` is charged. */
function findTierOf(list: Tier[], micros: QuantityMicros): Tier | undefined {
  return list.find((tier) => (endOf(tier) ?? micros) >= micros);
}

describe("priceQuantity", () => {
  it("is tested with prices that the schema accepts", () => {
    fc.assert(
      fc.property(anyPrice, (price) => {
        expect(Price.safeParse(price).success).toBe(true);
      }),
    );
  });

  it("splits the quantity into parts that add up to it", () => {
    fc.assert(
      fc.property(anyPrice, quantity, (price, micros) => {
        const { parts } = priceQuantity(price, micros);
        expect(parts.reduce((sum, part) => sum + part.quantity, 0n)).toBe(micros);
        expect(parts.every((part) => part.quantity > 0n)).toBe(true);
      }),
    );
  });

  it("rounds once: the amount is the rounded sum of exact parts", () => {
    fc.assert(
      fc.property(anyPrice, quantity, (price, micros) => {
        expect(priceQuantity(price, micros).amountMinor).toBe(divideHalfUp(sumScaled(price, micros), AMOUNT_SCALE));
      }),
    );
  });

  it("does not depend on the order or the grouping in which events are summed", () => {
    const events = fc.array(fc.bigInt({ min: 1n, max: 10n ** 12n }), { minLength: 1, maxLength: 20 });
    const sum = (list: bigint[]) => list.reduce((total, micros) => total + micros, 0n);
    fc.assert(
      fc.property(anyPrice, events, fc.nat(), (price, list, cut) => {
        const at = cut % list.length;
        const regrouped = [sum(list.slice(at)), sum(list.slice(0, at))];
        expect(priceQuantity(price, sum(regrouped))).toEqual(priceQuantity(price, sum(list)));
      }),
    );
  });

  it("prices a flat rate as exact multiplication, so that any split of the quantity costs the same", () => {
    fc.assert(
      fc.property(flat, quantity, quantity, (price, a, b) => {
        expect(sumScaled(price, a) + sumScaled(price, b)).toBe(sumScaled(price, a + b));
      }),
    );
  });

  it("charges each whole unit at its own tier when graduated", () => {
    const unitTiers = tiers.map((list) =>
      list.map((tier, index) => (tier.upTo === null ? tier : { ...tier, upTo: String((index + 1) * 7) })),
    );
    fc.assert(
      fc.property(unitTiers, fc.nat({ max: 50 }), (list, units) => {
        const reached = new Set<Tier>();
        let expected = 0n;
        for (let unit = 1; unit <= units; unit++) {
          const tier = findTierOf(list, BigInt(unit) * MICROS_PER_UNIT);
          if (tier === undefined) throw new Error("a unit without a tier");
          if (!reached.has(tier)) expected += scaleText(tier.flatAmount ?? "0") * MICROS_PER_UNIT;
          reached.add(tier);
          expected += scaleText(tier.unitAmount) * MICROS_PER_UNIT;
        }
        expect(sumScaled({ model: "graduated", tiers: list }, BigInt(units) * MICROS_PER_UNIT)).toBe(expected);
      }),
    );
  });

  it("costs the same graduated whether a tier is one or cut in two of the same rate", () => {
    fc.assert(
      fc.property(tiers, tierEnd, quantity, (list, cut, micros) => {
        const index = list.findIndex((tier) => (endOf(tier) ?? cut + 1n) > cut);
        const tier = list[index];
        const isEnd = list.some((other) => endOf(other) === cut);
        fc.pre(tier !== undefined && !isEnd);
        const before = { ...tier, upTo: formatQuantity(cut) };
        const after = { upTo: tier.upTo, unitAmount: tier.unitAmount };
        const cutList = list.toSpliced(index, 1, before, after);
        expect(sumScaled({ model: "graduated", tiers: cutList }, micros)).toBe(
          sumScaled({ model: "graduated", tiers: list }, micros),
        );
      }),
    );
  });

  it("charges the whole volume at the tier it ends in", () => {
    fc.assert(
      fc.property(tiers, quantity, (list, micros) => {
        fc.pre(micros > 0n);
        const tier = findTierOf(list, micros);
        const expected =
          micros * scaleText(tier?.unitAmount ?? "0") + MICROS_PER_UNIT * scaleText(tier?.flatAmount ?? "0");
        expect(sumScaled({ model: "volume", tiers: list }, micros)).toBe(expected);
      }),
    );
  });

  it("puts a tier's end into that tier and one micro-unit more into the next", () => {
    fc.assert(
      fc.property(fc.oneof(graduated, volume), (price) => {
        for (const [index, tier] of price.tiers.entries()) {
          const end = endOf(tier);
          if (end === null) continue;
          expect(priceQuantity(price, end).parts.at(-1)).toMatchObject({ tier: index });
          expect(priceQuantity(price, end + 1n).parts.at(-1)).toMatchObject({ tier: index + 1 });
        }
      }),
    );
  });

  it("starts just enough packages", () => {
    fc.assert(
      fc.property(packages, quantity, (price, micros) => {
        for (const part of priceQuantity(price, micros).parts) {
          if (part.kind !== "packages") throw new Error("not priced by the package");
          const size = scaleText(part.packageSize) / MICROS_PER_UNIT;
          expect(part.packages * size >= micros && (part.packages - 1n) * size < micros).toBe(true);
        }
      }),
    );
  });

  it("never costs less for more, except by volume", () => {
    fc.assert(
      fc.property(fc.oneof(flat, graduated, packages), quantity, quantity, (price, a, b) => {
        expect(priceQuantity(price, a + b).amountMinor >= priceQuantity(price, a).amountMinor).toBe(true);
      }),
    );
  });

  it("bills late usage so that the lines of a cycle add up to the price of its true total", () => {
    fc.assert(
      fc.property(anyPrice, fc.array(quantity, { minLength: 1, maxLength: 6 }), (price, totals) => {
        let billed = 0n;
        let before = 0n;
        for (const after of totals) {
          billed += priceQuantity(price, after).amountMinor - priceQuantity(price, before).amountMinor;
          before = after;
        }
        expect(billed).toBe(priceQuantity(price, before).amountMinor);
      }),
    );
  });
});
