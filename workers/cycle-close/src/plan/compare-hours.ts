import { formatQuantity, type QuantityMicros } from "@prego/core/quantity";

/** Sums of one meter and hour; largest and latest quantity are null where they are not kept. */
export interface HourSum {
  qty: QuantityMicros;
  events: bigint;
  maxQty: QuantityMicros | null;
  lastQty: QuantityMicros | null;
  /** Distinct values that the cycle had first in this hour. */
  newValues: bigint;
}

/** An hour as it is shown; quantities as decimal text. */
interface HourView {
  qty: string;
  events: string;
  max?: string;
  last?: string;
  new_values?: string;
}

/** An hour in which rollup and raw lines do not agree. */
export interface HourDifference {
  hour: string;
  rolled_up: HourView;
  recomputed: HourView;
}

/** Hours in which two sets of sums differ, in order; an hour that one side does not have is 0 there. */
export function compareHours(
  rolledUp: ReadonlyMap<string, HourSum>,
  recomputed: ReadonlyMap<string, HourSum>,
): HourDifference[] {
  const hours = [...new Set([...rolledUp.keys(), ...recomputed.keys()])].toSorted();
  const none: HourSum = { qty: 0n, events: 0n, maxQty: null, lastQty: null, newValues: 0n };
  return hours.flatMap((hour) => {
    const [left, right] = [rolledUp.get(hour) ?? none, recomputed.get(hour) ?? none];
    return isSame(left, right) ? [] : [{ hour, rolled_up: describeSum(left), recomputed: describeSum(right) }];
  });
}

const isSame = (left: HourSum, right: HourSum): boolean =>
  left.qty === right.qty &&
  left.events === right.events &&
  left.newValues === right.newValues &&
  (left.maxQty === null || left.maxQty === right.maxQty) &&
  (left.lastQty === null || left.lastQty === right.lastQty);

const describeSum = ({ qty, events, maxQty, lastQty, newValues }: HourSum): HourView => ({
  qty: formatQuantity(qty),
  events: events.toString(),
  ...(maxQty === null ? {} : { max: formatQuantity(maxQty) }),
  ...(lastQty === null ? {} : { last: formatQuantity(lastQty) }),
  ...(newValues === 0n ? {} : { new_values: newValues.toString() }),
});
