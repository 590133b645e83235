/** What usage costs: prices, what of a quantity the allowance covers, and the amount of the rest. */
export {
  type AllowanceSplit,
  type PooledLine,
  type PooledSplit,
  splitAllowance,
  splitPooledAllowance,
} from "./pricing/allowance.ts";
export { Price, PRICE_TIERS_MAX, Tier } from "./pricing/price.ts";
export {
  AMOUNT_SCALE,
  formatAmountScaled,
  type PackagesPart,
  type PricedQuantity,
  type PricePart,
  priceQuantity,
  type UnitsPart,
} from "./pricing/price-quantity.ts";
