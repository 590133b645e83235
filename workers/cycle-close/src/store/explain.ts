import { type Cycle, cycleBounds, hourOf, parseInstant } from "@prego/core/period";
import { cycleRuns, exact, meters, usageAdjustments, usageObjects, usageRollups } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import { and, asc, eq, gte, lt, or, type SQL } from "drizzle-orm";
import { EXPLAIN_OBJECTS_MAX } from "../limits.ts";

/** A line of a bill: whose, of what, when. */
export interface LineKey {
  tenantId: string;
  meterKey: string;
  cycle: Cycle;
}

/** One hour behind a total, quantities in micro-units. */
export interface RollupHour {
  hour: string;
  qty: bigint;
  events: number;
  minQty: bigint | null;
  maxQty: bigint | null;
  lastQty: bigint | null;
  /** Distinct values that the cycle had first in this hour. */
  newValues: number;
}

/** One raw object behind a total. */
export interface RawObject {
  seq: number;
  r2Key: string;
  hour: string;
  events: number;
  bytes: number;
  sha256: string;
  status: "pending" | "done" | "quarantined";
}

/** The hours of a meter in a cycle: at most 744. */
export function listHours(db: Database, { tenantId, meterKey, cycle }: LineKey): Promise<RollupHour[]> {
  const { startMs, endMs } = cycleBounds(cycle);
  return db
    .select({
      hour: usageRollups.hour,
      qty: exact(usageRollups.qty),
      events: usageRollups.events,
      minQty: exact(usageRollups.minQty),
      maxQty: exact(usageRollups.maxQty),
      lastQty: exact(usageRollups.lastQty),
      newValues: usageRollups.newValues,
    })
    .from(usageRollups)
    .where(
      and(
        eq(usageRollups.tenantId, tenantId),
        eq(usageRollups.meterKey, meterKey),
        gte(usageRollups.hour, hourOf(startMs)),
        lt(usageRollups.hour, hourOf(endMs)),
      ),
    )
    .orderBy(asc(usageRollups.hour));
}

/** The tenant's raw objects of a cycle's hours, in the order of storing; objects hold all meters. */
export function listObjects(db: Database, { tenantId, cycle }: LineKey): Promise<RawObject[]> {
  const { startMs, endMs } = cycleBounds(cycle);
  return db
    .select({
      seq: usageObjects.seq,
      r2Key: usageObjects.r2Key,
      hour: usageObjects.hour,
      events: usageObjects.events,
      bytes: usageObjects.bytes,
      sha256: usageObjects.sha256,
      status: usageObjects.status,
    })
    .from(usageObjects)
    .where(
      and(
        eq(usageObjects.tenantId, tenantId),
        gte(usageObjects.hour, hourOf(startMs)),
        lt(usageObjects.hour, hourOf(endMs)),
      ),
    )
    .orderBy(asc(usageObjects.hour), asc(usageObjects.seq))
    .limit(EXPLAIN_OBJECTS_MAX + 1);
}

/** When a meter was made, epoch milliseconds; 0 for one that nobody defined. */
export async function findDefinedAtMs(db: Database, meterKey: string): Promise<number> {
  const [meter] = await db.select({ createdAt: meters.createdAt }).from(meters).where(eq(meters.meterKey, meterKey));
  return (meter === undefined ? undefined : parseInstant(meter.createdAt)) ?? 0;
}

/** Late usage of a meter that a cycle's close billed, or that corrects the cycle. */
export function listLateUsage(db: Database, { tenantId, meterKey, cycle }: LineKey) {
  const isAbout: SQL | undefined = or(
    eq(usageAdjustments.billedCycle, cycle),
    eq(usageAdjustments.correctedCycle, cycle),
  );
  return db
    .select({
      correctedCycle: usageAdjustments.correctedCycle,
      billedCycle: usageAdjustments.billedCycle,
      r2Key: usageAdjustments.r2Key,
      qty: exact(usageAdjustments.qty),
      events: usageAdjustments.events,
      maxQty: exact(usageAdjustments.maxQty),
      lastQty: exact(usageAdjustments.lastQty),
      lastEventAt: usageAdjustments.lastEventAt,
    })
    .from(usageAdjustments)
    .where(and(eq(usageAdjustments.tenantId, tenantId), eq(usageAdjustments.meterKey, meterKey), isAbout))
    .orderBy(asc(usageAdjustments.correctedCycle), asc(usageAdjustments.r2Key))
    .limit(EXPLAIN_OBJECTS_MAX);
}

/** The run of a cycle's close with its two bounds. */
export async function findBounds(db: Database, cycle: Cycle) {
  const [run] = await db
    .select({ status: cycleRuns.status, eventTimeBound: cycleRuns.eventTimeBound, seqBound: cycleRuns.storedSeqBound })
    .from(cycleRuns)
    .where(eq(cycleRuns.cycle, cycle));
  return run;
}
