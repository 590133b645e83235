import type { Params } from "./params.ts";
import { createInvalidRequest } from "./stripe-failure.ts";

/** Stripe takes at most 12 decimal places; amounts are kept as integers of 1e-12. */
const places = 12;
const unit = 10n ** BigInt(places);

export function readDecimal(params: Params, name: string, text: string): bigint {
  const parts = /^(-?)(\d{1,15})(?:\.(\d{1,12}))?$/.exec(text);
  if (parts === null) {
    throw createInvalidRequest({ param: params.name(name), message: `Invalid decimal: ${text.slice(0, 40)}` });
  }
  const [, sign = "", whole = "", fraction = ""] = parts;
  const scaled = BigInt(whole) * unit + BigInt(fraction.padEnd(places, "0"));
  return sign === "-" ? -scaled : scaled;
}

/** Rounds half away from zero, as Stripe does for a line's amount. */
export function toMinorUnits(amount: bigint): number {
  return Number(roundHalfUp(amount, unit));
}

/** The product of two decimals, rounded once. */
export function multiplyToMinorUnits(rate: bigint, quantity: bigint): number {
  return Number(roundHalfUp(rate * quantity, unit * unit));
}

function roundHalfUp(value: bigint, divisor: bigint): bigint {
  const size = value < 0n ? -value : value;
  const rounded = (size * 2n + divisor) / (divisor * 2n);
  return value < 0n ? -rounded : rounded;
}
