import { formatQuantity, type QuantityMicros } from "@prego/core/quantity";

/** Sums of one meter and hour. */
export interface HourSum {
  qty: QuantityMicros;
  events: bigint;
}

/** An hour in which rollup and raw lines do not agree; quantities as decimal text. */
export interface HourDifference {
  hour: string;
  rolled_up: { qty: string; events: string };
  recomputed: { qty: string; events: string };
}

/** Hours in which two sets of sums differ, in order; an hour that one side does not have is 0 there. */
export function compareHours(
  rolledUp: ReadonlyMap<string, HourSum>,
  recomputed: ReadonlyMap<string, HourSum>,
): HourDifference[] {
  const hours = [...new Set([...rolledUp.keys(), ...recomputed.keys()])].toSorted();
  const none: HourSum = { qty: 0n, events: 0n };
  return hours.flatMap((hour) => {
    const [left, right] = [rolledUp.get(hour) ?? none, recomputed.get(hour) ?? none];
    if (left.qty === right.qty && left.events === right.events) return [];
    return [{ hour, rolled_up: describeSum(left), recomputed: describeSum(right) }];
  });
}

const describeSum = ({ qty, events }: HourSum): { qty: string; events: string } => ({
  qty: formatQuantity(qty),
  events: events.toString(),
});
