/**
 * Reads an already checked decimal text as an integer scaled by 10^decimals.
 * @param text `-?digits(.digits)?` with at most `decimals` fraction digits; the caller's grammar has refused all else.
 */
export function scaleDecimal(text: string, decimals: number): bigint {
  const point = text.indexOf(".");
  if (point === -1) return BigInt(text + "0".repeat(decimals));
  const fraction = text.slice(point + 1);
  return BigInt(text.slice(0, point) + fraction.padEnd(decimals, "0"));
}

/**
 * Writes an integer scaled by 10^decimals as a decimal text with exactly `decimals` fraction digits.
 * @param scaled any integer, negative ones included.
 * @param decimals 0 writes no decimal point.
 */
export function formatFixed(scaled: bigint, decimals: number): string {
  const sign = scaled < 0n ? "-" : "";
  const digits = (scaled < 0n ? -scaled : scaled).toString().padStart(decimals + 1, "0");
  if (decimals === 0) return sign + digits;
  const point = digits.length - decimals;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * Writes an integer scaled by 10^decimals as its shortest exact decimal text: no trailing zeros, no bare point, no "-0".
 * @param decimals 1 or more.
 */
export function formatShortest(scaled: bigint, decimals: number): string {
  return formatFixed(scaled, decimals).replace(/\.?0+$/, "");
}
