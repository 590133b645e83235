import { cycleBounds, hourOf } from "@prego/core/period";
import { formatQuantity, MICROS_PER_UNIT } from "@prego/core/quantity";
import { countedValue, parseUsageLine } from "@prego/core/usage-event";
import type { Deps } from "./deps.ts";
import { countDistinct, type DistinctCounter } from "./count-distinct.ts";
import { RECOMPUTE_BYTES_MAX } from "./limits.ts";
import { compareHours, type HourDifference, type HourSum } from "./plan/compare-hours.ts";
import type { Aggregation } from "./plan/inputs.ts";
import type { LinePart } from "./plan/line-part.ts";
import type { LineKey, RawObject, RollupHour } from "./store/explain.ts";
import { readRawLines } from "./store/raw-lines.ts";

/** What the raw lines say about a total. */
export interface Recomputation {
  /** True when every object could be read with its stored hash and every hour agrees. */
  equal: boolean;
  /** False when there was too much to read, or too many distinct values: then nothing is compared. */
  complete: boolean;
  /** What the cycle's hours make together, as the meter is aggregated. */
  quantity: string;
  events: string;
  /** The same by part of the cycle; only where it has several. */
  parts?: { from: string; to: string; quantity: string; events: string }[];
  differences: HourDifference[];
  /** Objects that could not be used, and why. */
  problems: { r2_key: string; problem: "missing" | "unreadable" | "sha256_differs" | "line_invalid" }[];
}

/** Reads the raw lines of a total again and compares them hour by hour with the rollups. */
export async function recomputeLine(
  deps: Pick<Deps, "bucket">,
  key: LineKey,
  source: {
    objects: readonly RawObject[];
    hours: readonly RollupHour[];
    parts: readonly LinePart[];
    aggregation: Aggregation;
    /** When the meter was made, epoch milliseconds. */
    definedAtMs: number;
    isTruncated: boolean;
  },
): Promise<Recomputation> {
  const sums = new Map<string, RawSum>();
  const problems: Recomputation["problems"] = [];
  const distinct = source.aggregation === "unique" ? countDistinct() : undefined;
  let complete = !source.isTruncated;
  let bytes = 0;
  for (const object of source.objects) {
    bytes += object.bytes;
    if (bytes > RECOMPUTE_BYTES_MAX) {
      complete = false;
      break;
    }
    const problem = await addObject(deps, { key, object, sums, distinct, definedAtMs: source.definedAtMs });
    if (problem !== undefined) problems.push({ r2_key: object.r2Key, problem });
  }
  if (distinct?.isFull() === true) complete = false;
  for (const [hour, newValues] of distinct?.byHour() ?? []) {
    const sum = sums.get(hour);
    if (sum !== undefined) sum.newValues = newValues;
  }
  const rolledUp = new Map(source.hours.map((hour) => [hour.hour, toSum(hour)]));
  const differences = complete ? compareHours(rolledUp, sums) : [];
  const parts = source.parts.flatMap((part) => {
    if (part === undefined) return [];
    const inside = new Map([...sums].filter(([hour]) => part.from <= hour && hour < part.to));
    return [{ from: part.from, to: part.to, ...addUp(inside, source.aggregation) }];
  });
  return {
    equal: complete && problems.length === 0 && differences.length === 0,
    complete,
    ...addUp(sums, source.aggregation),
    ...(parts.length === 0 ? {} : { parts }),
    differences,
    problems,
  };
}

const toSum = (hour: RollupHour): HourSum => ({
  ...hour,
  events: BigInt(hour.events),
  newValues: BigInt(hour.newValues),
});

const addUp = (
  sums: ReadonlyMap<string, RawSum>,
  aggregation: Aggregation,
): Pick<Recomputation, "quantity" | "events"> => ({
  quantity: formatQuantity(combineSums(sums, aggregation)),
  events: countEvents(sums).toString(),
});

/** An hour of raw lines. */
interface RawSum extends HourSum {
  maxQty: bigint;
  lastQty: bigint;
  lastAtMs: number;
}

const countEvents = (sums: ReadonlyMap<string, RawSum>): bigint =>
  [...sums.values()].reduce((sum, hour) => sum + hour.events, 0n);

function combineSums(sums: ReadonlyMap<string, RawSum>, aggregation: Aggregation): bigint {
  const hours = [...sums.values()].toSorted((a, b) => a.lastAtMs - b.lastAtMs);
  switch (aggregation) {
    case "count":
      return countEvents(sums) * MICROS_PER_UNIT;
    case "max":
      return hours.reduce((max, hour) => (hour.maxQty > max ? hour.maxQty : max), hours[0]?.maxQty ?? 0n);
    case "last":
      return hours.at(-1)?.lastQty ?? 0n;
    case "unique":
      return hours.reduce((sum, hour) => sum + hour.newValues, 0n) * MICROS_PER_UNIT;
    case "sum":
      return hours.reduce((sum, hour) => sum + hour.qty, 0n);
  }
}

/** Adds one line as the aggregator does: of several at the same millisecond the largest is the latest. */
function addLine(sum: RawSum | undefined, qty: bigint, atMs: number): RawSum {
  if (sum === undefined) return { qty, events: 1n, maxQty: qty, lastQty: qty, lastAtMs: atMs, newValues: 0n };
  const isLater = atMs > sum.lastAtMs || (atMs === sum.lastAtMs && qty > sum.lastQty);
  return {
    qty: sum.qty + qty,
    events: sum.events + 1n,
    maxQty: qty > sum.maxQty ? qty : sum.maxQty,
    lastQty: isLater ? qty : sum.lastQty,
    lastAtMs: isLater ? atMs : sum.lastAtMs,
    newValues: 0n,
  };
}

async function addObject(
  { bucket }: Pick<Deps, "bucket">,
  {
    key,
    object,
    sums,
    distinct,
    definedAtMs,
  }: {
    key: LineKey;
    object: RawObject;
    sums: Map<string, RawSum>;
    distinct: DistinctCounter | undefined;
    definedAtMs: number;
  },
): Promise<Recomputation["problems"][number]["problem"] | undefined> {
  const { startMs, endMs } = cycleBounds(key.cycle);
  let hasInvalidLine = false;
  const reading = await readRawLines(bucket, object.r2Key, (text) => {
    const parsed = parseUsageLine(text);
    if (!parsed.ok) {
      hasInvalidLine = true;
      return;
    }
    const { meterKey, timestampMs, qtyMicros } = parsed.line;
    if (meterKey !== key.meterKey || timestampMs < startMs || timestampMs >= endMs) return;
    const hour = hourOf(timestampMs);
    sums.set(hour, addLine(sums.get(hour), qtyMicros, timestampMs));
    const value = countedValue(parsed.line, definedAtMs);
    if (value !== undefined) distinct?.add(value, hour);
  });
  if (reading.kind !== "read") return reading.kind;
  if (reading.sha256 !== object.sha256) return "sha256_differs";
  return hasInvalidLine ? "line_invalid" : undefined;
}
