import { describe, expect, it } from "vitest";
import { parseQuantity, type QuantityMicros } from "../quantity.ts";
import type { Price } from "./price.ts";
import { formatAmountScaled, priceQuantity } from "./price-quantity.ts";

// The three tiers of the example in docs.stripe.com/subscriptions/pricing-models/tiered-pricing.
const FONT_TIERS = [
  { upTo: "5", unitAmount: "700" },
  { upTo: "10", unitAmount: "650" },
  { upTo: null, unitAmount: "600" },
];
const FEE_TIERS = [
  { upTo: "10", unitAmount: "0", flatAmount: "100" },
  { upTo: "20", unitAmount: "5", flatAmount: "200" },
  { upTo: null, unitAmount: "1" },
];
const GRADUATED: Price = { model: "graduated", tiers: FONT_TIERS };
const VOLUME: Price = { model: "volume", tiers: FONT_TIERS };
const GRADUATED_FEES: Price = { model: "graduated", tiers: FEE_TIERS };
const VOLUME_FEES: Price = { model: "volume", tiers: FEE_TIERS };
const PACKAGES: Price = { model: "package", packageSize: "1000", packageAmount: "250" };

function micros(text: string): QuantityMicros {
  const quantity = parseQuantity(text);
  if (quantity === undefined) throw new Error(`not a quantity: ${text}`);
  return quantity;
}

describe("priceQuantity", () => {
  it.each<[string, Price, string, bigint]>([
    ["volume", VOLUME, "1", 700n],
    ["volume", VOLUME, "5", 3_500n],
    ["volume", VOLUME, "5.000001", 3_250n],
    ["volume", VOLUME, "6", 3_900n],
    ["volume", VOLUME, "10", 6_500n],
    ["volume", VOLUME, "20", 12_000n],
    ["graduated", GRADUATED, "1", 700n],
    ["graduated", GRADUATED, "5", 3_500n],
    ["graduated", GRADUATED, "6", 4_150n],
    ["graduated", GRADUATED, "10", 6_750n],
    ["graduated", GRADUATED, "20", 12_750n],
    ["graduated", GRADUATED, "25", 15_750n],
    ["graduated with flat amounts", GRADUATED_FEES, "0.000001", 100n],
    ["graduated with flat amounts", GRADUATED_FEES, "10", 100n],
    ["graduated with flat amounts", GRADUATED_FEES, "10.000001", 300n],
    ["graduated with flat amounts", GRADUATED_FEES, "20", 350n],
    ["graduated with flat amounts", GRADUATED_FEES, "21", 351n],
    ["volume with flat amounts", VOLUME_FEES, "10", 100n],
    ["volume with flat amounts", VOLUME_FEES, "20", 300n],
    ["volume with flat amounts", VOLUME_FEES, "21", 21n],
    ["package", PACKAGES, "0.000001", 250n],
    ["package", PACKAGES, "999.999999", 250n],
    ["package", PACKAGES, "1000", 250n],
    ["package", PACKAGES, "1000.000001", 500n],
    ["package", PACKAGES, "2000", 500n],
    ["package of a fraction", { model: "package", packageSize: "0.25", packageAmount: "3" }, "1", 12n],
    ["flat", { model: "flat", unitAmount: "3" }, "7", 21n],
    ["flat and free", { model: "flat", unitAmount: "0" }, "999999999999.999999", 0n],
  ])("bills %s (%j) for %s units with %s", (_name, price, quantity, amountMinor) => {
    expect(priceQuantity(price, micros(quantity)).amountMinor).toBe(amountMinor);
  });

  it.each([
    ["0.000000000001", "499999999999.999999", 0n],
    ["0.000000000001", "500000000000", 1n],
    ["0.0000005", "999999", 0n],
    ["0.0000005", "1000000", 1n],
    ["0.5", "1", 1n],
    ["0.499999999999", "1", 0n],
    ["2.5", "1", 3n],
    ["0.005", "100", 1n],
    ["0.005", "99.999999", 0n],
    ["1.005", "100", 101n],
    ["0.1", "3", 0n],
    ["0.000123456789", "1000000", 123n],
    ["999999999999.999999999999", "999999999999.999999", 999_999_999_999_999_998_999_999n],
  ])("rounds %s per unit x %s units half up to %s", (unitAmount, quantity, amountMinor) => {
    expect(priceQuantity({ model: "flat", unitAmount }, micros(quantity)).amountMinor).toBe(amountMinor);
  });

  it("rounds the sum of the tiers, not each tier", () => {
    const tiers = [
      { upTo: "1", unitAmount: "0.4" },
      { upTo: "2", unitAmount: "0.4" },
      { upTo: null, unitAmount: "0.4" },
    ];
    const { amountMinor, parts } = priceQuantity({ model: "graduated", tiers }, micros("3"));
    expect(parts.map((part) => formatAmountScaled(part.amountScaled))).toEqual(["0.4", "0.4", "0.4"]);
    expect(amountMinor).toBe(1n);
  });

  it.each([GRADUATED_FEES, VOLUME_FEES, PACKAGES, { model: "flat", unitAmount: "1" } satisfies Price])(
    "charges nothing for nothing (%j)",
    (price) => {
      expect(priceQuantity(price, 0n)).toEqual({ amountMinor: 0n, parts: [] });
    },
  );

  it.each([GRADUATED, VOLUME, PACKAGES, { model: "flat", unitAmount: "1" } satisfies Price])(
    "refuses a negative quantity (%j)",
    (price) => {
      expect(() => priceQuantity(price, -1n)).toThrow(RangeError);
    },
  );

  it("explains each tier of a graduated price", () => {
    expect(priceQuantity(GRADUATED_FEES, micros("12")).parts).toEqual([
      {
        kind: "units",
        tier: 0,
        quantity: micros("10"),
        unitAmount: "0",
        flatAmount: "100",
        amountScaled: 100n * 10n ** 18n,
      },
      {
        kind: "units",
        tier: 1,
        quantity: micros("2"),
        unitAmount: "5",
        flatAmount: "200",
        amountScaled: 210n * 10n ** 18n,
      },
    ]);
  });

  it("explains a volume price by the one tier that applies", () => {
    expect(priceQuantity(VOLUME_FEES, micros("21")).parts).toEqual([
      { kind: "units", tier: 2, quantity: micros("21"), unitAmount: "1", amountScaled: 21n * 10n ** 18n },
    ]);
  });

  it("explains packages by how many were started", () => {
    expect(priceQuantity(PACKAGES, micros("1000.5")).parts).toEqual([
      {
        kind: "packages",
        quantity: micros("1000.5"),
        packages: 2n,
        packageSize: "1000",
        packageAmount: "250",
        amountScaled: 500n * 10n ** 18n,
      },
    ]);
  });

  it.each<[string, Price]>([
    ["a rate that is no decimal", { model: "flat", unitAmount: "abc" }],
    ["a package without size", { model: "package", packageSize: "0", packageAmount: "1" }],
    ["no tiers", { model: "graduated", tiers: [] }],
    ["only closed tiers", { model: "volume", tiers: [{ upTo: "1", unitAmount: "1" }] }],
  ])("throws rather than guess at an unchecked price with %s", (_what, price) => {
    expect(() => priceQuantity(price, micros("2"))).toThrow(RangeError);
  });
});

describe("formatAmountScaled", () => {
  it.each([
    [0n, "0"],
    [1n, "0.000000000000000001"],
    [35n * 10n ** 16n, "0.35"],
    [1_200n * 10n ** 18n, "1200"],
  ])("writes %s as %s minor units", (amountScaled, text) => {
    expect(formatAmountScaled(amountScaled)).toBe(text);
  });
});
