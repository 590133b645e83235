import { CURRENCIES, THREE_DECIMAL_CURRENCIES, ZERO_DECIMAL_CURRENCIES } from "./currency.ts";
import { formatFixed, scaleDecimal } from "./decimal.ts";

/** An amount in minor units of its currency (cents, yen, fils), which is always kept beside it. */
export type AmountMinor = bigint;

/** Minor units per one unit of usage, non-negative, exact to 12 decimals as in Stripe's `unit_amount_decimal`. */
export interface Rate {
  /** The rate times `RATE_SCALE`. */
  readonly scaled: bigint;
}

/** What a rate of exactly one minor unit is scaled to: 10^12. */
export const RATE_SCALE = 1_000_000_000_000n;

const RATE_DECIMALS = 12;
const RATE_PATTERN = /^(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,12})?$/;

/**
 * Reads a rate exactly: minor units as a decimal string, Stripe's `unit_amount_decimal` convention.
 * @param text 1 to 12 integer digits without leading zeros, optionally `.` and 1 to 12 digits; no sign, exponent or space.
 * @returns undefined for any other text.
 */
export function parseRate(text: string): Rate | undefined {
  return RATE_PATTERN.test(text) ? { scaled: scaleDecimal(text, RATE_DECIMALS) } : undefined;
}

/** Whether the text is the lower-case ISO 4217 code of a currency that money can be owed in. */
export function isCurrency(text: string): boolean {
  return CURRENCIES.has(text);
}

/**
 * Decimals between minor and major unit: 0, 2 or 3, as Stripe counts them (docs.stripe.com/currencies), which for
 * some currencies is not ISO 4217's number. Codes without an entry have 2.
 */
export function currencyDecimals(currency: string): number {
  if (ZERO_DECIMAL_CURRENCIES.has(currency)) return 0;
  return THREE_DECIMAL_CURRENCIES.has(currency) ? 3 : 2;
}

/** Writes an amount for people: major units with the currency's decimals and its code, such as `12.34 eur` or `500 jpy`. */
export function formatAmount(amountMinor: AmountMinor, currency: string): string {
  return `${formatFixed(amountMinor, currencyDecimals(currency))} ${currency}`;
}

/**
 * The project's only rounding: n / d to the nearest integer, halves away from zero, so that the quotient of -n is the
 * negative of the quotient of n and a reversed line cancels the line it reverses.
 * @throws RangeError if d is 0n.
 */
export function divideHalfUp(n: bigint, d: bigint): bigint {
  if (d === 0n) throw new RangeError("division by zero");
  const negative = n < 0n !== d < 0n;
  const dividend = n < 0n ? -n : n;
  const divisor = d < 0n ? -d : d;
  const quotient = (2n * dividend + divisor) / (2n * divisor);
  return negative ? -quotient : quotient;
}
