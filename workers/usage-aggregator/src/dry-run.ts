import { dayOf } from "@prego/core/period";
import { formatQuantity } from "@prego/core/quantity";
import type { Deps } from "./deps.ts";
import { DRY_RUN_OBJECTS_MAX, DRY_RUN_ROWS_MAX, RUN_BYTES_MAX } from "./limits.ts";
import { type Adjustment, planGroup, planReconcile, QUEUE_START, type RollupDelta, type SummedObject } from "./plan.ts";
import { readObject } from "./read-object.ts";
import { JOB } from "./context.ts";
import type { HourValues } from "./domain/plan-values.ts";
import type { UniqueMeters } from "./domain/value-reader.ts";

/** What a run would do now, from the same plan that it would commit. */
export interface AggregationPreview {
  pending: number;
  objects_read: number;
  /** Of these, those that R2 did not give out; a run would leave them waiting. */
  unread: number;
  would_finish: number;
  would_quarantine: { seq: number; reason: string }[];
  rollups: Record<string, unknown>[];
  adjustments: Record<string, unknown>[];
  /** More objects or rows than are printed. */
  truncated: boolean;
  reconcile_due: boolean;
}

/** Reads the first waiting objects and prints their plan; changes nothing. */
export async function previewAggregation(deps: Deps, dueAtMs: number): Promise<AggregationPreview> {
  const { pending } = await deps.objects.countBacklog();
  const { read, unread, summed, faults } = await readFirst(deps, await deps.rollups.findUniqueMeters());
  const plan = planGroup(summed, await deps.rollups.findLate(summed));
  const rollups = plan?.rollups ?? [];
  const adjustments = plan?.adjustments ?? [];
  const reconcile = planReconcile(await deps.reconcile.findState(JOB), dayOf(dueAtMs));
  return {
    pending,
    objects_read: read,
    unread,
    would_finish: plan === undefined ? 0 : summed.length,
    would_quarantine: faults,
    rollups: rollups.slice(0, DRY_RUN_ROWS_MAX).map(presentRollup),
    adjustments: adjustments.slice(0, DRY_RUN_ROWS_MAX).map((row) => presentAdjustment(row, plan?.values.late ?? [])),
    truncated: pending > read || Math.max(rollups.length, adjustments.length) > DRY_RUN_ROWS_MAX || plan === undefined,
    reconcile_due: reconcile.kind === "pass",
  };
}

interface FirstObjects {
  read: number;
  unread: number;
  summed: SummedObject[];
  faults: { seq: number; reason: string }[];
}

async function readFirst(deps: Deps, uniqueMeters: UniqueMeters): Promise<FirstObjects> {
  const summed: SummedObject[] = [];
  const faults: FirstObjects["faults"] = [];
  let unread = 0;
  let bytes = 0;
  for (const object of await deps.objects.findPending(QUEUE_START, DRY_RUN_OBJECTS_MAX)) {
    bytes += object.bytes;
    if (bytes > RUN_BYTES_MAX) break;
    const outcome = await readObject(deps.raw, object, uniqueMeters).catch(() => undefined);
    if (outcome === undefined) unread += 1;
    else if (outcome.kind === "summed") summed.push(outcome.object);
    else faults.push({ seq: object.seq, reason: outcome.reason });
  }
  return { read: summed.length + faults.length + unread, unread, summed, faults };
}

const presentRollup = ({ tenantId, meterKey, hour, qty, events }: RollupDelta): Record<string, unknown> => ({
  tenant_id: tenantId,
  meter_key: meterKey,
  hour,
  qty: formatQuantity(qty),
  events,
});

function presentAdjustment(row: Adjustment, lateValues: readonly HourValues[]): Record<string, unknown> {
  const values = lateValues.find(({ key, meterKey }) => key === row.key && meterKey === row.meterKey);
  return {
    tenant_id: row.tenantId,
    meter_key: row.meterKey,
    corrected_cycle: row.correctedCycle,
    // Which of its values the cycle has already is found where they are written.
    ...(values === undefined ? { qty: formatQuantity(row.qty) } : { qty_max: String(values.digests.length) }),
    events: row.events,
  };
}
