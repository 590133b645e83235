/** An exact number, numerator over a denominator above 0. The oracle's own arithmetic: it shares none with the product. */
export interface Fraction {
  n: bigint;
  d: bigint;
}

export const ZERO: Fraction = { n: 0n, d: 1n };

/** Reads a decimal text. */
export function fraction(text: string): Fraction {
  const [whole = "", decimals = ""] = text.split(".");
  return { n: BigInt(whole + decimals), d: 10n ** BigInt(decimals.length) };
}

/** Millionths as a number of units. */
export const fromMicros = (micros: bigint): Fraction => ({ n: micros, d: 1_000_000n });

export const add = (a: Fraction, b: Fraction): Fraction => ({ n: a.n * b.d + b.n * a.d, d: a.d * b.d });
export const subtract = (a: Fraction, b: Fraction): Fraction => ({ n: a.n * b.d - b.n * a.d, d: a.d * b.d });
export const multiply = (a: Fraction, b: Fraction): Fraction => ({ n: a.n * b.n, d: a.d * b.d });
export const divide = (a: Fraction, b: Fraction): Fraction =>
  b.n < 0n ? { n: -a.n * b.d, d: -a.d * b.n } : { n: a.n * b.d, d: a.d * b.n };
export const isLess = (a: Fraction, b: Fraction): boolean => a.n * b.d < b.n * a.d;
export const min = (a: Fraction, b: Fraction): Fraction => (isLess(b, a) ? b : a);

/** The largest whole number that is not above it. */
export function floor({ n, d }: Fraction): bigint {
  const quotient = n / d;
  return n < 0n && quotient * d !== n ? quotient - 1n : quotient;
}

/** The smallest whole number that is not below it. */
export const ceil = ({ n, d }: Fraction): bigint => -floor({ n: -n, d });

/** The nearest whole number, halves away from zero. */
export const roundHalfUp = ({ n, d }: Fraction): bigint =>
  n < 0n ? -floor({ n: -2n * n + d, d: 2n * d }) : floor({ n: 2n * n + d, d: 2n * d });
