import { cycleBounds, nextCycle } from "@prego/core/period";
import type { CloseLine } from "./close-line.ts";
import { partBounds, partsAfter } from "./line-part.ts";

/** Months that late usage may lie back; more is not a cycle that was ever billed here. */
const MONTHS_BACK_MAX = 1_200;
/** Minutes kept for the months of one part: whole hours, and more than those months take. */
const MINUTES_PER_PART = 21 * 60;
/** Minute 0 of every hour counted back from the end of a cycle is left to the parts of that cycle. */
const LATE_MINUTES_PER_HOUR = 59;

/**
 * Epoch seconds: the last second of the line's part. Late usage lies in the cycle that bills it, one minute before its end
 * for each month back and 21 hours more for each later part of its own cycle. So every line has a minute of its own, in
 * which Stripe's summary of the customer's meter is that line alone.
 */
export function meterTimestamp({ cycle, correctedCycle, snapshot: { part } }: CloseLine): number {
  if (cycle === correctedCycle) return partBounds(cycle, part).endMs / 1_000 - 1;
  let months = 0;
  for (let at = correctedCycle; at < cycle && months < MONTHS_BACK_MAX; at = nextCycle(at)) months += 1;
  const fullHours = (months - 1 - ((months - 1) % LATE_MINUTES_PER_HOUR)) / LATE_MINUTES_PER_HOUR;
  const minutes = months + fullHours + MINUTES_PER_PART * partsAfter(part);
  return cycleBounds(cycle).endMs / 1_000 - 1 - 60 * minutes;
}
