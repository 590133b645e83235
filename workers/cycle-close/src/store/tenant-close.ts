import type { AuditEntry } from "@prego/core/audit";
import { classifyD1Error } from "@prego/core/d1-error";
import { type Cycle, formatInstant } from "@prego/core/period";
import {
  appendAudit,
  appendTrace,
  commit,
  type Database,
  requireChanged,
  requireTrue,
  type Statement,
  type TraceEvent,
} from "@prego/core/store";
import { type SQL, sql } from "drizzle-orm";
import type { TenantClosePlan } from "../plan.ts";
import { insertLines } from "./cycle-totals.ts";
import { jsonArrays } from "./json-arrays.ts";
import { type IdentifiedCharge, insertCharges } from "./outbox.ts";
import { areUsagesUnchanged, type LateRow } from "./usage.ts";
import { isAwaited, isGone } from "./waiting-objects.ts";

/** Everything that the close of one tenant writes, and what must still be true when it does. */
export interface TenantCommit {
  plan: TenantClosePlan;
  charges: readonly IdentifiedCharge[];
  lateRows: readonly LateRow[];
  usageMark: string;
  traceId: string | null;
  audit: AuditEntry;
  trace: TraceEvent;
}

/** `closed` by this batch; `refused` when something it was planned from has changed, another close of it included. */
export type CommitResult = "closed" | "refused";

/** Writes the close of some tenants in one cycle as one batch: all of them or none. */
export async function commitTenantCloses(
  db: Database,
  closes: readonly TenantCommit[],
  { cycle, nowMs }: { cycle: Cycle; nowMs: number },
): Promise<CommitResult> {
  const lines = closes.flatMap(({ plan }) => plan.lines.map((line) => ({ tenantId: plan.tenantId, line })));
  const charges = closes.flatMap(({ plan: { tenantId }, traceId, charges: own }) =>
    own.map((charge) => ({ tenantId, traceId, charge })),
  );
  const statements: Statement[] = [
    requireTrue(isStillTrue(closes, cycle)),
    ...insertLines(lines, formatInstant(nowMs)),
    ...insertCharges(charges, nowMs),
    ...markLateRows(
      cycle,
      closes.flatMap(({ lateRows }) => lateRows),
    ),
    ...appendAudit(closes.map(({ audit }) => audit)),
    ...appendTrace(closes.map(({ trace }) => trace)),
  ];
  try {
    await commit(db, statements);
    return "closed";
  } catch (error) {
    const failure = classifyD1Error(error);
    if (failure === "guard" || failure === "constraint") return "refused";
    throw error;
  }
}

/** The cycle takes closes, no object of these tenants is awaited, none of them is closed or gone, and their usage is what was read. */
function isStillTrue(closes: readonly TenantCommit[], cycle: Cycle): SQL {
  const marks = JSON.stringify(closes.map(({ plan, usageMark }) => [plan.tenantId, usageMark]));
  const ids = sql`(SELECT value ->> 0 FROM json_each(${marks}))`;
  // `+`: awaited objects are found by what is pending, which is next to nothing, and not by all that a tenant ever stored.
  return sql`EXISTS (SELECT 1 FROM cycle_runs r WHERE r.cycle = ${cycle} AND r.status = 'closing'
      AND NOT EXISTS (SELECT 1 FROM usage_objects o WHERE +o.tenant_id IN ${ids} AND ${isAwaited(sql`r.stored_seq_bound`)}))
    AND (SELECT count(*) FROM tenants_master t WHERE t.tenant_id IN ${ids} AND NOT ${isGone}) = CAST(${closes.length} AS INTEGER)
    AND NOT EXISTS (SELECT 1 FROM usage_cycle_totals WHERE cycle = ${cycle} AND tenant_id IN ${ids})
    AND ${areUsagesUnchanged(marks, cycle)}`;
}

function markLateRows(cycle: Cycle, rows: readonly LateRow[]): Statement[] {
  const keys = rows.map(({ tenantId, meterKey, correctedCycle, r2Key }) => [tenantId, meterKey, correctedCycle, r2Key]);
  return jsonArrays(keys).flatMap((json) => [
    sql`UPDATE usage_adjustments AS a SET billed_cycle = ${cycle} FROM json_each(${json}) AS k
      WHERE a.tenant_id = k.value ->> 0 AND a.meter_key = k.value ->> 1 AND a.corrected_cycle = k.value ->> 2
        AND a.r2_key = k.value ->> 3 AND a.billed_cycle IS NULL`,
    requireChanged((JSON.parse(json) as unknown[]).length),
  ]);
}
