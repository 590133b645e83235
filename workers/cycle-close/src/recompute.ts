import { cycleBounds, hourOf } from "@prego/core/period";
import { formatQuantity } from "@prego/core/quantity";
import { parseUsageLine } from "@prego/core/usage-event";
import type { Deps } from "./deps.ts";
import { RECOMPUTE_BYTES_MAX } from "./limits.ts";
import { compareHours, type HourDifference, type HourSum } from "./plan/compare-hours.ts";
import type { LineKey, RawObject, RollupHour } from "./store/explain.ts";
import { readRawLines } from "./store/raw-lines.ts";

/** What the raw lines say about a total. */
export interface Recomputation {
  /** True when every object could be read with its stored hash and every hour agrees. */
  equal: boolean;
  /** False when there was too much to read: then only the objects read are compared with nothing. */
  complete: boolean;
  quantity: string;
  events: string;
  differences: HourDifference[];
  /** Objects that could not be used, and why. */
  problems: { r2_key: string; problem: "missing" | "unreadable" | "sha256_differs" | "line_invalid" }[];
}

/** Reads the raw lines of a total again and compares them hour by hour with the rollups. */
export async function recomputeLine(
  deps: Pick<Deps, "bucket">,
  key: LineKey,
  source: { objects: readonly RawObject[]; hours: readonly RollupHour[]; isTruncated: boolean },
): Promise<Recomputation> {
  const sums = new Map<string, HourSum>();
  const problems: Recomputation["problems"] = [];
  let complete = !source.isTruncated;
  let bytes = 0;
  for (const object of source.objects) {
    bytes += object.bytes;
    if (bytes > RECOMPUTE_BYTES_MAX) {
      complete = false;
      break;
    }
    const problem = await addObject(deps, { key, object, sums });
    if (problem !== undefined) problems.push({ r2_key: object.r2Key, problem });
  }
  const rolledUp = new Map(source.hours.map(({ hour, qty, events }) => [hour, { qty, events: BigInt(events) }]));
  const differences = complete ? compareHours(rolledUp, sums) : [];
  const all = [...sums.values()];
  return {
    equal: complete && problems.length === 0 && differences.length === 0,
    complete,
    quantity: formatQuantity(all.reduce((sum, hour) => sum + hour.qty, 0n)),
    events: all.reduce((sum, hour) => sum + hour.events, 0n).toString(),
    differences,
    problems,
  };
}

async function addObject(
  { bucket }: Pick<Deps, "bucket">,
  { key, object, sums }: { key: LineKey; object: RawObject; sums: Map<string, HourSum> },
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
    const sum = sums.get(hour) ?? { qty: 0n, events: 0n };
    sums.set(hour, { qty: sum.qty + qtyMicros, events: sum.events + 1n });
  });
  if (reading.kind !== "read") return reading.kind;
  if (reading.sha256 !== object.sha256) return "sha256_differs";
  return hasInvalidLine ? "line_invalid" : undefined;
}
