import { ProblemError } from "@prego/core/problem";
import { formatQuantity } from "@prego/core/quantity";
import type { Deps } from "./deps.ts";
import { EXPLAIN_OBJECTS_MAX } from "./limits.ts";
import type { CloseLine } from "./plan/close-line.ts";
import type { Aggregation } from "./plan/inputs.ts";
import { presentLine } from "./present-plan.ts";
import { findLines } from "./preview.ts";
import { recomputeLine } from "./recompute.ts";
import { findBounds, type LineKey, listHours, listLateUsage, listObjects, type RawObject } from "./store/explain.ts";
import { readUsage } from "./store/usage.ts";

/** Everything behind the lines of one meter in one cycle's bill, down to the raw objects. */
export async function explainLine(deps: Deps, key: LineKey, recompute: boolean) {
  const { state, lines, charges } = await findLines(deps, key.tenantId, key.cycle);
  const mine = lines.filter((line) => line.meterKey === key.meterKey);
  if (mine.length === 0) throw new ProblemError("not_found");
  const [bounds, hours, listed, late, usages] = await Promise.all([
    findBounds(deps.db, key.cycle),
    listHours(deps.db, key),
    listObjects(deps.db, key),
    listLateUsage(deps.db, key),
    readUsage(deps.db, [key.tenantId], key.cycle),
  ]);
  const isTruncated = listed.length > EXPLAIN_OBJECTS_MAX;
  const objects = listed.slice(0, EXPLAIN_OBJECTS_MAX);
  const lateKeys = new Set(late.flatMap((row) => (row.correctedCycle === key.cycle ? [row.r2Key] : [])));
  const inTime = objects.filter((object) => !lateKeys.has(object.r2Key));
  const counted = inTime.filter((object) => isCounted(object, bounds?.seqBound ?? null));
  const usage = usages?.get(key.tenantId)?.usage;
  const digest = usage?.find((meter) => meter.meterKey === key.meterKey)?.digest;
  const own = mine.find((line) => line.correctedCycle === key.cycle);
  return {
    tenant_id: key.tenantId,
    meter_key: key.meterKey,
    cycle: key.cycle,
    state,
    bounds: bounds === undefined ? null : { event_time: bounds.eventTimeBound, stored_seq: bounds.seqBound },
    lines: mine.map(presentLine),
    charges: charges.filter((charge) => charge.meter_key === key.meterKey),
    /** Whether the rollups of today are those that were closed. */
    digest_matches: digest === undefined ? hours.length === 0 : digest === own?.digest,
    rollups: hours.map(presentHour),
    objects: objects.map((object) => presentObject(object, counted.includes(object))),
    objects_truncated: isTruncated,
    late_usage: late.map((row) => ({
      corrected_cycle: row.correctedCycle,
      billed_cycle: row.billedCycle,
      r2_key: row.r2Key,
      quantity: formatQuantity(row.qty),
      events: row.events,
    })),
    ...(recompute
      ? {
          recomputed: await recomputeLine(deps, key, {
            objects: counted,
            hours,
            aggregation: aggregationOf(own),
            isTruncated,
          }),
        }
      : {}),
  };
}

/** As the close combines the hours: a meter without a price is added up. */
const aggregationOf = (line: CloseLine | undefined): Aggregation =>
  line === undefined || line.snapshot.price === null ? "sum" : line.snapshot.aggregation;

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
}: Awaited<ReturnType<typeof listHours>>[number]) => ({
  hour,
  quantity: formatQuantity(qty),
  events,
  ...(minQty === null ? {} : { min: formatQuantity(minQty) }),
  ...(maxQty === null ? {} : { max: formatQuantity(maxQty) }),
  ...(lastQty === null ? {} : { last: formatQuantity(lastQty) }),
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
