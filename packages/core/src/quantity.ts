import { formatShortest, scaleDecimal } from "./decimal.ts";

/** A quantity of usage in micro-units: 1 unit is 1,000,000n. Sums may be larger than what one event may carry. */
export type QuantityMicros = bigint;

/** Micro-units in one unit. */
export const MICROS_PER_UNIT = 1_000_000n;

const QUANTITY_DECIMALS = 6;
const QUANTITY_PATTERN = /^-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,6})?$/;

/**
 * Reads a decimal quantity exactly.
 * @param text optional `-`, 1 to 12 integer digits without leading zeros, optionally `.` and 1 to 6 digits; no exponent,
 * plus sign or white space. `-0` is 0n.
 * @returns micro-units, or undefined for any other text.
 */
export function parseQuantity(text: string): QuantityMicros | undefined {
  return QUANTITY_PATTERN.test(text) ? scaleDecimal(text, QUANTITY_DECIMALS) : undefined;
}

/** Writes micro-units as the canonical decimal text of units: exact, no trailing zeros, `0` for nothing. */
export function formatQuantity(micros: QuantityMicros): string {
  return formatShortest(micros, QUANTITY_DECIMALS);
}
