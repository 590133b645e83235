import { describe, expect, it } from "vitest";
import { Price, PRICE_TIERS_MAX } from "./price.ts";

const openTier = { upTo: null, unitAmount: "1" };

function ascendingTiers(count: number) {
  const closed = Array.from({ length: count - 1 }, (_, index) => ({ upTo: String(index + 1), unitAmount: "1" }));
  return [...closed, openTier];
}

describe("Price", () => {
  it.each([
    { model: "flat", unitAmount: "0.000000000001" },
    { model: "flat", unitAmount: "0" },
    { model: "graduated", tiers: [openTier] },
    { model: "graduated", tiers: [{ upTo: "1000", unitAmount: "2", flatAmount: "500" }, openTier] },
    {
      model: "volume",
      tiers: [{ upTo: "0.000001", unitAmount: "2" }, { upTo: "0.000002", unitAmount: "1" }, openTier],
    },
    { model: "graduated", tiers: ascendingTiers(PRICE_TIERS_MAX) },
    { model: "package", packageSize: "1000", packageAmount: "99.5" },
  ])("accepts %j unchanged", (price) => {
    expect(Price.parse(price)).toEqual(price);
  });

  it.each([
    ["an unknown model", { model: "free" }],
    ["no model", { unitAmount: "1" }],
    ["a rate that is a number", { model: "flat", unitAmount: 1 }],
    ["a negative rate", { model: "flat", unitAmount: "-1" }],
    ["a rate with an exponent", { model: "flat", unitAmount: "1e3" }],
    ["a rate of 13 decimals", { model: "flat", unitAmount: "0.0000000000001" }],
    ["a misspelt property", { model: "flat", unitAmount: "1", flat_amount: "5" }],
    ["a misspelt property of a tier", { model: "volume", tiers: [{ ...openTier, flatamount: "5" }] }],
    ["a property of another model", { model: "flat", unitAmount: "1", tiers: [openTier] }],
    ["no tiers", { model: "graduated", tiers: [] }],
    ["more tiers than a price may have", { model: "graduated", tiers: ascendingTiers(PRICE_TIERS_MAX + 1) }],
    ["a closed last tier", { model: "graduated", tiers: [{ upTo: "10", unitAmount: "1" }] }],
    ["an open tier before the last", { model: "volume", tiers: [openTier, openTier] }],
    [
      "two tiers with one end",
      { model: "volume", tiers: [{ upTo: "1", unitAmount: "1" }, { upTo: "1.0", unitAmount: "1" }, openTier] },
    ],
    [
      "descending tiers",
      { model: "graduated", tiers: [{ upTo: "10", unitAmount: "1" }, { upTo: "9", unitAmount: "1" }, openTier] },
    ],
    [
      "ends that ascend as text only",
      { model: "graduated", tiers: [{ upTo: "10", unitAmount: "1" }, { upTo: "2", unitAmount: "1" }, openTier] },
    ],
    ["a tier that ends at 0", { model: "graduated", tiers: [{ upTo: "0", unitAmount: "1" }, openTier] }],
    ["a tier without an end", { model: "graduated", tiers: [{ unitAmount: "1" }] }],
    ["a flat amount of null", { model: "graduated", tiers: [{ ...openTier, flatAmount: null }] }],
    ["an empty package", { model: "package", packageSize: "0", packageAmount: "1" }],
    ["a package of negative size", { model: "package", packageSize: "-1", packageAmount: "1" }],
  ])("refuses %s", (_what, price) => {
    expect(Price.safeParse(price).success).toBe(false);
  });

  it("names the tier that is out of order", () => {
    const tiers = [{ upTo: "5", unitAmount: "1" }, { upTo: "4", unitAmount: "1" }, openTier];
    const issues = Price.safeParse({ model: "graduated", tiers }).error?.issues;
    expect(issues?.map((issue) => issue.path)).toEqual([["tiers", 1, "upTo"]]);
  });
});
