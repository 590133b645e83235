/**
 * Rounds shares to integers that add up to `total` (largest remainder; ties go to the earlier share).
 * @param shares not negative, adding up to `total` before it was rounded.
 * @param total integer.
 */
export function roundToSum(shares: readonly number[], total: number): number[] {
  const rounded = shares.map((share) => Math.floor(share));
  const missing = total - rounded.reduce((sum, each) => sum + each, 0);
  const byRemainder = shares
    .map((share, index) => ({ index, remainder: share - Math.floor(share) }))
    .toSorted((left, right) => right.remainder - left.remainder);
  for (const { index } of byRemainder.slice(0, Math.max(0, missing))) rounded[index] = (rounded[index] ?? 0) + 1;
  return rounded;
}
