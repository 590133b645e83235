import { type Cycle, cycleOfHour } from "@prego/core/period";
import { combineSums, isInt64, type MeterSum } from "./domain/meter-sum.ts";
import { type PlannedValues, planValues } from "./domain/plan-values.ts";
import type { ObjectValues } from "./domain/value-reader.ts";

/** A row of `usage_objects` that waits. */
export interface PendingObject {
  seq: number;
  key: string;
  tenantId: string;
  /** UTC hour of all its events, `2026-11-21T02`. */
  hour: string;
  events: number;
  bytes: number;
  sha256: string;
  /** Runs in which storage failed it. */
  failures: number;
}

/** Place in the queue: after the object of these. */
export type QueuePlace = Pick<PendingObject, "failures" | "seq">;
export const QUEUE_START: QueuePlace = { failures: 0, seq: 0 };

/** An object that was read to its end and is what its row says. */
export interface SummedObject extends PendingObject {
  byMeter: ReadonlyMap<string, MeterSum>;
  values: ObjectValues;
}

/** What one row of `usage_rollups` grows by. */
export interface RollupDelta extends MeterSum {
  tenantId: string;
  meterKey: string;
  hour: string;
}

/** A row of `usage_adjustments`. */
export interface Adjustment {
  tenantId: string;
  meterKey: string;
  correctedCycle: Cycle;
  key: string;
  /** 0 for a distinct-count meter: its new values are counted where they are written. */
  qty: bigint;
  events: number;
  /** As in {@link MeterSum}. */
  maxQty: bigint;
  lastQty: bigint;
  lastAtMs: number;
}

/** Everything that one commit writes. */
export interface GroupPlan {
  /** Objects that become done. */
  seqs: number[];
  tenantIds: string[];
  rollups: RollupDelta[];
  adjustments: Adjustment[];
  /** What the rollups rest on: none of these objects came too late for its cycle. */
  inTime: { seq: number; tenantId: string; cycle: Cycle }[];
  /** What counts once in a cycle. */
  values: PlannedValues;
}

/**
 * Turns read objects into one commit: objects in time add to rollups, late ones become one adjustment per meter each.
 * @param late `seq` of the objects whose cycle no longer takes them.
 * @returns undefined if a sum does not fit into 64 bits: the objects must then be committed one by one.
 */
export function planGroup(objects: readonly SummedObject[], late: ReadonlySet<number>): GroupPlan | undefined {
  const rollups = new Map<string, RollupDelta>();
  const adjustments: Adjustment[] = [];
  const inTime: GroupPlan["inTime"] = [];
  for (const object of objects) {
    const { seq, tenantId, hour, key } = object;
    const cycle = cycleOfHour(hour);
    if (late.has(seq)) {
      for (const [meterKey, { qty, events, maxQty, lastQty, lastAtMs }] of object.byMeter) {
        const isUnique = object.values.byMeter.has(meterKey);
        const levels = { maxQty, lastQty, lastAtMs };
        adjustments.push({
          tenantId,
          meterKey,
          correctedCycle: cycle,
          key,
          qty: isUnique ? 0n : qty,
          events,
          ...levels,
        });
      }
      continue;
    }
    inTime.push({ seq, tenantId, cycle });
    for (const [meterKey, sum] of object.byMeter) {
      const name = rollupName({ tenantId, meterKey, hour });
      const known = rollups.get(name);
      rollups.set(name, { tenantId, meterKey, hour, ...(known === undefined ? sum : combineSums(known, sum)) });
    }
  }
  const rows = [...rollups.values()];
  if (![...rows, ...adjustments].every(({ qty }) => isInt64(qty))) return undefined;
  const tenantIds = [...new Set(objects.map(({ tenantId }) => tenantId))];
  const values = planValues(objects, late);
  return { seqs: objects.map(({ seq }) => seq), tenantIds, rollups: rows, adjustments, inTime, values };
}

/** Whether adding the plan to the stored sums, by {@link rollupName}, leaves 64 bits. */
export const overflowsRollups = (plan: GroupPlan, stored: ReadonlyMap<string, bigint>): boolean =>
  plan.rollups.some((delta) => !isInt64((stored.get(rollupName(delta)) ?? 0n) + delta.qty));

/** Injective: no part can contain a space. */
export const rollupName = ({ tenantId, meterKey, hour }: Pick<RollupDelta, "tenantId" | "meterKey" | "hour">): string =>
  `${tenantId} ${meterKey} ${hour}`;

/** How far the daily comparison of R2 with `usage_objects` has come. */
export interface ReconcileState {
  /** UTC day on which the pass began. */
  day: string;
  finished: boolean;
  /** Row behind whose key an unfinished pass carries on. A `seq`, because a key names the tenant and reports are kept. */
  cursorSeq: number | null;
  /** Objects without a row behind that place that could not be read: the rest of the pass leaves them alone. */
  passedOver: number;
}

/** What a run does about reconciling: nothing more that day, a new pass, or the rest of one. */
export function planReconcile(
  state: ReconcileState | undefined,
  day: string,
): { kind: "rest" | "pass"; state: ReconcileState } {
  if (state !== undefined && !state.finished) return { kind: "pass", state };
  if (state !== undefined && state.day >= day) return { kind: "rest", state };
  return { kind: "pass", state: { day, finished: false, cursorSeq: null, passedOver: 0 } };
}
