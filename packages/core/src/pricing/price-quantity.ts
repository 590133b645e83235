import { formatShortest } from "../decimal.ts";
import { type AmountMinor, divideHalfUp, parseRate, RATE_SCALE } from "../money.ts";
import { MICROS_PER_UNIT, parseQuantity, type QuantityMicros } from "../quantity.ts";
import type { Price, Tier } from "./price.ts";

/** What one minor unit is scaled to in `amountScaled`, 10^18: micro-units times scaled rates, exact. */
export const AMOUNT_SCALE = MICROS_PER_UNIT * RATE_SCALE;
const AMOUNT_SCALE_DECIMALS = 18;

/** Units priced at one rate: the whole of a flat or volume price, one tier of a graduated price. */
export interface UnitsPart {
  kind: "units";
  /** Index of the tier, 0 for a flat price. */
  tier: number;
  quantity: QuantityMicros;
  /** Minor units per unit. */
  unitAmount: string;
  /** Minor units charged once for the tier; absent if the tier has none. */
  flatAmount?: string;
  /** Exact amount, minor units times `AMOUNT_SCALE`. */
  amountScaled: bigint;
}

/** Started packages of a package price. */
export interface PackagesPart {
  kind: "packages";
  quantity: QuantityMicros;
  /** Whole number of packages started. */
  packages: bigint;
  /** Units in a package. */
  packageSize: string;
  /** Minor units per package. */
  packageAmount: string;
  /** Exact amount, minor units times `AMOUNT_SCALE`. */
  amountScaled: bigint;
}

/** One term of a line's sum. The quantities of a line's parts add up to the priced quantity. */
export type PricePart = UnitsPart | PackagesPart;

/** A priced line: `amountMinor` is the sum of the parts' exact amounts, rounded once. */
export interface PricedQuantity {
  amountMinor: AmountMinor;
  parts: PricePart[];
}

/**
 * Prices a quantity above the allowance. The sum is exact; the one rounding is half up, at the end of the line.
 * A quantity on a tier's `upTo` belongs to that tier. Nothing used costs nothing: flat amounts come with a tier's first
 * micro-unit. Late usage of a priced cycle is the price of the new total less the price of the old one, so that all lines
 * of a cycle add up to the price of what was used.
 * @param price a value that `Price` has accepted.
 * @throws RangeError for a negative quantity.
 */
export function priceQuantity(price: Price, quantity: QuantityMicros): PricedQuantity {
  if (quantity < 0n) throw new RangeError("a negative quantity has no price");
  const parts = quantity === 0n ? [] : listParts(price, quantity);
  const sumScaled = parts.reduce((sum, part) => sum + part.amountScaled, 0n);
  return { amountMinor: divideHalfUp(sumScaled, AMOUNT_SCALE), parts };
}

/** Writes a part's exact amount as a decimal text of minor units, such as `0.35`. */
export function formatAmountScaled(amountScaled: bigint): string {
  return formatShortest(amountScaled, AMOUNT_SCALE_DECIMALS);
}

function listParts(price: Price, quantity: QuantityMicros): PricePart[] {
  switch (price.model) {
    case "flat":
      return [priceUnits({ upTo: null, unitAmount: price.unitAmount }, 0, quantity)];
    case "graduated":
      return listGraduatedParts(price.tiers, quantity);
    case "volume":
      return [findVolumePart(price.tiers, quantity)];
    case "package":
      return [pricePackages(price, quantity)];
  }
}

function listGraduatedParts(tiers: readonly Tier[], quantity: QuantityMicros): PricePart[] {
  const parts: PricePart[] = [];
  let priced = 0n;
  for (const [index, tier] of tiers.entries()) {
    const end = isWithin(tier, quantity) ? quantity : getUpTo(tier);
    parts.push(priceUnits(tier, index, end - priced));
    priced = end;
    if (priced === quantity) return parts;
  }
  throw new RangeError("price without an open last tier");
}

function findVolumePart(tiers: readonly Tier[], quantity: QuantityMicros): PricePart {
  for (const [index, tier] of tiers.entries()) {
    if (isWithin(tier, quantity)) return priceUnits(tier, index, quantity);
  }
  throw new RangeError("price without an open last tier");
}

function isWithin(tier: Tier, quantity: QuantityMicros): boolean {
  return tier.upTo === null || quantity <= getUpTo(tier);
}

function priceUnits(tier: Tier, index: number, quantity: QuantityMicros): UnitsPart {
  const { unitAmount, flatAmount } = tier;
  const unitsScaled = quantity * getRateScaled(unitAmount);
  if (flatAmount === undefined) return { kind: "units", tier: index, quantity, unitAmount, amountScaled: unitsScaled };
  const amountScaled = unitsScaled + MICROS_PER_UNIT * getRateScaled(flatAmount);
  return { kind: "units", tier: index, quantity, unitAmount, flatAmount, amountScaled };
}

function pricePackages(price: Extract<Price, { model: "package" }>, quantity: QuantityMicros): PackagesPart {
  const { packageSize, packageAmount } = price;
  const size = getPositiveQuantity(packageSize);
  const packages = (quantity + size - 1n) / size;
  const amountScaled = packages * MICROS_PER_UNIT * getRateScaled(packageAmount);
  return { kind: "packages", quantity, packages, packageSize, packageAmount, amountScaled };
}

function getUpTo(tier: Tier): QuantityMicros {
  return getPositiveQuantity(tier.upTo ?? "");
}

function getPositiveQuantity(text: string): QuantityMicros {
  const quantity = parseQuantity(text);
  if (quantity === undefined || quantity <= 0n) throw new RangeError("price with a quantity that is not above 0");
  return quantity;
}

function getRateScaled(text: string): bigint {
  const rate = parseRate(text);
  if (rate === undefined) throw new RangeError("price with a rate that is not a decimal");
  return rate.scaled;
}
