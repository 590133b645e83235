import { ProblemError } from "@prego/core/problem";
import type { Cycle } from "@prego/core/period";
import { formatQuantity } from "@prego/core/quantity";
import type { Deps } from "./deps.ts";
import { EXPLAIN_OBJECTS_MAX } from "./limits.ts";
import { combinationOf, EMPTY_DIGEST } from "./plan/base-lines.ts";
import type { CloseLine } from "./plan/close-line.ts";
import type { Aggregation } from "./plan/inputs.ts";
import { type LinePart, nameParts, partBounds, partKey } from "./plan/line-part.ts";
import { presentLine } from "./present-plan.ts";
import { findLines } from "./preview.ts";
import { recomputeLine } from "./recompute.ts";
import {
  findDefinedAtMs,
  findBounds,
  type LineKey,
  listHours,
  listLateUsage,
  listObjects,
  type RawObject,
} from "./store/explain.ts";
import { readUsage } from "./store/usage.ts";

/** Everything behind the lines of one meter in one cycle's bill, down to the raw objects. */
export async function explainLine(deps: Deps, key: LineKey, recompute: boolean) {
  const { state, lines, charges } = await findLines(deps, key.tenantId, key.cycle);
  const mine = lines.filter((line) => line.meterKey === key.meterKey);
  if (mine.length === 0) throw new ProblemError("not_found");
  const [bounds, hours, listed, late] = await Promise.all([
    findBounds(deps.db, key.cycle),
    listHours(deps.db, key),
    listObjects(deps.db, key),
    listLateUsage(deps.db, key),
  ]);
  const isTruncated = listed.length > EXPLAIN_OBJECTS_MAX;
  const objects = listed.slice(0, EXPLAIN_OBJECTS_MAX);
  const lateKeys = new Set(late.flatMap((row) => (row.correctedCycle === key.cycle ? [row.r2Key] : [])));
  const inTime = objects.filter((object) => !lateKeys.has(object.r2Key));
  const counted = inTime.filter((object) => isCounted(object, bounds?.seqBound ?? null));
  const own = lines.filter((line) => line.correctedCycle === key.cycle);
  const parts = findParts(key.cycle, own);
  return {
    tenant_id: key.tenantId,
    meter_key: key.meterKey,
    cycle: key.cycle,
    state,
    bounds: bounds === undefined ? null : { event_time: bounds.eventTimeBound, stored_seq: bounds.seqBound },
    lines: mine.map(presentLine),
    charges: charges.filter((charge) => charge.meter_key === key.meterKey),
    /** Whether the rollups of today are those that were closed. */
    digest_matches: await doDigestsMatch(deps, key, { parts, own }),
    rollups: hours.map(presentHour),
    objects: objects.map((object) => presentObject(object, counted.includes(object))),
    objects_truncated: isTruncated,
    late_usage: late.map((row) => ({
      corrected_cycle: row.correctedCycle,
      billed_cycle: row.billedCycle,
      r2_key: row.r2Key,
      quantity: formatQuantity(row.qty),
      events: row.events,
      ...(row.maxQty === null ? {} : { max: formatQuantity(row.maxQty) }),
      ...(row.lastQty === null ? {} : { last: formatQuantity(row.lastQty), last_event_at: row.lastEventAt }),
    })),
    ...(recompute
      ? {
          recomputed: await recomputeLine(deps, key, {
            objects: counted,
            hours,
            parts,
            aggregation: aggregationOf(own.find((line) => line.meterKey === key.meterKey)),
            definedAtMs: await findDefinedAtMs(deps.db, key.meterKey),
            isTruncated,
          }),
        }
      : {}),
  };
}

/** The parts of a cycle by its own lines: every part has some. */
function findParts(cycle: Cycle, own: readonly CloseLine[]): LinePart[] {
  return nameParts(cycle, own.find((line) => line.snapshot.part !== undefined)?.snapshot.part?.starts ?? []);
}

async function doDigestsMatch(
  { db }: Deps,
  { tenantId, meterKey, cycle }: LineKey,
  { parts, own }: { parts: readonly LinePart[]; own: readonly CloseLine[] },
): Promise<boolean> {
  const bounds = parts.map((part) => partBounds(cycle, part));
  const usage = (await readUsage(db, [{ tenantId, parts: bounds }]))?.get(tenantId)?.usage ?? [];
  return parts.every((part, index) => {
    const today = usage[index]?.find((meter) => meter.meterKey === meterKey)?.digest ?? EMPTY_DIGEST;
    const line = own.find((one) => one.meterKey === meterKey && partKey(one.snapshot.part) === partKey(part));
    return today === (line?.digest ?? EMPTY_DIGEST);
  });
}

/** As the close combines the hours. */
const aggregationOf = (line: CloseLine | undefined): Aggregation =>
  line === undefined ? "sum" : combinationOf(line.snapshot.aggregation, line.snapshot.price !== null);

/** Objects behind the rollups: those set aside, stored after the bound, or released after the close are not. */
const isCounted = ({ seq, status }: RawObject, seqBound: number | null): boolean =>
  status === "done" && (seqBound === null || seq <= seqBound);

const presentHour = ({
  hour,
  qty,
  events,
  minQty,
  maxQty,
  lastQty,
  newValues,
}: Awaited<ReturnType<typeof listHours>>[number]) => ({
  hour,
  quantity: formatQuantity(qty),
  events,
  ...(minQty === null ? {} : { min: formatQuantity(minQty) }),
  ...(maxQty === null ? {} : { max: formatQuantity(maxQty) }),
  ...(lastQty === null ? {} : { last: formatQuantity(lastQty) }),
  ...(newValues === 0 ? {} : { new_values: newValues }),
});

const presentObject = ({ seq, r2Key, hour, events, bytes, sha256, status }: RawObject, counted: boolean) => ({
  seq,
  r2_key: r2Key,
  hour,
  events,
  bytes,
  sha256,
  status,
  counted,
});
