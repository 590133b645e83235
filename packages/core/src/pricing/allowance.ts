import { parseRate, RATE_SCALE } from "../money.ts";
import type { QuantityMicros } from "../quantity.ts";

/** A quantity in two: `covered` by the allowance and `overage` above it. They always add up to the quantity. */
export interface AllowanceSplit {
  covered: QuantityMicros;
  /** Never negative. */
  overage: QuantityMicros;
}

/** Usage of one meter against a pool that several meters share. */
export interface PooledLine {
  /** Names the line in the result, such as the meter key. */
  key: string;
  quantity: QuantityMicros;
  /** Pooled units that one unit takes: a non-negative decimal of at most 12 integer digits and 12 decimals. */
  weight: string;
}

/** A pooled line's share, in units of its own meter. */
export interface PooledSplit extends AllowanceSplit {
  key: string;
}

/**
 * Splits a cycle's quantity at the allowance. A negative quantity (corrections beyond the usage) is covered entirely.
 * @throws RangeError for a negative allowance.
 */
export function splitAllowance({
  quantity,
  included,
}: {
  quantity: QuantityMicros;
  included: QuantityMicros;
}): AllowanceSplit {
  if (included < 0n) throw new RangeError("a negative allowance");
  const covered = quantity <= included ? quantity : included;
  return { covered, overage: quantity - covered };
}

/**
 * Splits lines at an allowance they share: pooled units are quantity times weight, taken from the pool in the order given.
 * Exact, without rounding except this: in the line where the pool ends, `covered` is the largest whole micro-unit that
 * still fits, so that covered weighted units never exceed the pool. What remains, less than one micro-unit's weight, is not
 * lost but stays in the pool for the lines after it. Weight 0 is always covered; a negative quantity is covered entirely
 * and puts nothing into the pool.
 * @param includedUnits the pool in weighted micro-units.
 * @throws RangeError for a negative pool or a weight that is not such a decimal.
 */
export function splitPooledAllowance(lines: readonly PooledLine[], includedUnits: QuantityMicros): PooledSplit[] {
  if (includedUnits < 0n) throw new RangeError("a negative allowance");
  let poolScaled = includedUnits * RATE_SCALE;
  return lines.map(({ key, quantity, weight }) => {
    const rate = parseRate(weight);
    if (rate === undefined) throw new RangeError("a weight that is not a decimal");
    if (quantity <= 0n || rate.scaled === 0n) return { key, covered: quantity, overage: 0n };
    const { covered, overage } = splitAllowance({ quantity, included: poolScaled / rate.scaled });
    poolScaled -= covered * rate.scaled;
    return { key, covered, overage };
  });
}
