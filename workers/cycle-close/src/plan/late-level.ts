import { parseInstant } from "@prego/core/period";
import type { QuantityMicros } from "@prego/core/quantity";
import type { LateUsage, StoredLine } from "./inputs.ts";

/** The value that a largest-value or last-value meter has been billed for in a part of a closed cycle. */
export interface Level {
  qty: QuantityMicros;
  /** When a last value was reported; null when nothing says so. */
  atMs: number | null;
}

/** Before anything was reported: every event is later. */
const NEVER_MS = Number.NEGATIVE_INFINITY;
export const NO_LEVEL: Level = { qty: 0n, atMs: NEVER_MS };

/** What a stored line says of the value; undefined for late usage that was not priced. */
export function readLevel({ snapshot, qty, cycle, correctedCycle }: StoredLine): Level | undefined {
  const { level_micros: level, level_at: at, events } = snapshot;
  if (level === undefined && (cycle !== correctedCycle || snapshot.part !== undefined)) return undefined;
  const reportedAtMs = at === undefined ? undefined : parseInstant(at);
  // A part in which nothing was reported has the value of the one before: any event of its own is later.
  return { qty: level === undefined ? qty : BigInt(level), atMs: reportedAtMs ?? (events === "0" ? NEVER_MS : null) };
}

/** The value with late usage; undefined when the rows do not say enough. */
export function correctLevel(before: Level, late: LateUsage, aggregation: "max" | "last"): Level | undefined {
  if (aggregation === "max") {
    if (late.maxQty === undefined) return undefined;
    return { qty: late.maxQty > before.qty ? late.maxQty : before.qty, atMs: before.atMs };
  }
  if (late.last === undefined || before.atMs === null) return undefined;
  const { qty, atMs } = late.last;
  // As in the rollups: of several values of one millisecond the largest is the last.
  const isLater = atMs > before.atMs || (atMs === before.atMs && qty > before.qty);
  return isLater ? { qty, atMs } : before;
}
