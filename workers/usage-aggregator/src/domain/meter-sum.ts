/** What the events of one meter in one hour add up to. Every aggregation but the distinct count can be read from it. */
export interface MeterSum {
  /** Signed sum, micro-units. */
  qty: bigint;
  events: number;
  minQty: bigint;
  maxQty: bigint;
  /** Quantity of the latest event; of several at the same millisecond the largest, so that the order of reading is nothing. */
  lastQty: bigint;
  /** Event times, epoch milliseconds. */
  firstAtMs: number;
  lastAtMs: number;
}

const INT64_MAX = 2n ** 63n - 1n;

/** Whether D1 can hold the integer. */
export const isInt64 = (value: bigint): boolean => value <= INT64_MAX && value >= -INT64_MAX - 1n;

export const startSum = (qty: bigint, atMs: number): MeterSum => ({
  qty,
  events: 1,
  minQty: qty,
  maxQty: qty,
  lastQty: qty,
  firstAtMs: atMs,
  lastAtMs: atMs,
});

/** Adds one event in place: there are millions. */
export function addEvent(sum: MeterSum, qty: bigint, atMs: number): void {
  sum.qty += qty;
  sum.events += 1;
  if (qty < sum.minQty) sum.minQty = qty;
  if (qty > sum.maxQty) sum.maxQty = qty;
  if (atMs < sum.firstAtMs) sum.firstAtMs = atMs;
  if (atMs > sum.lastAtMs || (atMs === sum.lastAtMs && qty > sum.lastQty)) {
    sum.lastAtMs = atMs;
    sum.lastQty = qty;
  }
}

/** The sum of both; which comes first, and how events were split among them, makes no difference. */
export function combineSums(left: MeterSum, right: MeterSum): MeterSum {
  const later = right.lastAtMs > left.lastAtMs || (right.lastAtMs === left.lastAtMs && right.lastQty > left.lastQty);
  return {
    qty: left.qty + right.qty,
    events: left.events + right.events,
    minQty: left.minQty < right.minQty ? left.minQty : right.minQty,
    maxQty: left.maxQty > right.maxQty ? left.maxQty : right.maxQty,
    lastQty: later ? right.lastQty : left.lastQty,
    firstAtMs: Math.min(left.firstAtMs, right.firstAtMs),
    lastAtMs: Math.max(left.lastAtMs, right.lastAtMs),
  };
}
