import { dayOf } from "@prego/core/period";
import { formatQuantity } from "@prego/core/quantity";
import type { Deps } from "./deps.ts";
import { DRY_RUN_OBJECTS_MAX, DRY_RUN_ROWS_MAX, RUN_BYTES_MAX } from "./limits.ts";
import { type Adjustment, planGroup, planReconcile, type RollupDelta, type SummedObject } from "./plan.ts";
import { readObject } from "./read-object.ts";
import { JOB } from "./context.ts";

/** What a run would do now, from the same plan that it would commit. */
export interface AggregationPreview {
  pending: number;
  objects_read: number;
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
  const { read, summed, faults } = await readFirst(deps);
  const plan = planGroup(summed, await deps.rollups.findLate(summed));
  const rollups = plan?.rollups ?? [];
  const adjustments = plan?.adjustments ?? [];
  const reconcile = planReconcile(await deps.reconcile.findState(JOB), dayOf(dueAtMs));
  return {
    pending,
    objects_read: read,
    would_finish: plan === undefined ? 0 : summed.length,
    would_quarantine: faults,
    rollups: rollups.slice(0, DRY_RUN_ROWS_MAX).map(presentRollup),
    adjustments: adjustments.slice(0, DRY_RUN_ROWS_MAX).map(presentAdjustment),
    truncated: pending > read || Math.max(rollups.length, adjustments.length) > DRY_RUN_ROWS_MAX || plan === undefined,
    reconcile_due: reconcile.kind === "pass",
  };
}

async function readFirst(
  deps: Deps,
): Promise<{ read: number; summed: SummedObject[]; faults: { seq: number; reason: string }[] }> {
  const summed: SummedObject[] = [];
  const faults: { seq: number; reason: string }[] = [];
  let bytes = 0;
  for (const object of await deps.objects.findPending(0, DRY_RUN_OBJECTS_MAX)) {
    bytes += object.bytes;
    if (bytes > RUN_BYTES_MAX) break;
    const outcome = await readObject(deps.raw, object);
    if (outcome.kind === "summed") summed.push(outcome.object);
    else faults.push({ seq: object.seq, reason: outcome.reason });
  }
  return { read: summed.length + faults.length, summed, faults };
}

const presentRollup = ({ tenantId, meterKey, hour, qty, events }: RollupDelta): Record<string, unknown> => ({
  tenant_id: tenantId,
  meter_key: meterKey,
  hour,
  qty: formatQuantity(qty),
  events,
});

const presentAdjustment = (row: Adjustment): Record<string, unknown> => ({
  tenant_id: row.tenantId,
  meter_key: row.meterKey,
  corrected_cycle: row.correctedCycle,
  qty: formatQuantity(row.qty),
  events: row.events,
});
