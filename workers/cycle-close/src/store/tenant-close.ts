import type { AuditEntry } from "@prego/core/audit";
import { classifyD1Error } from "@prego/core/d1-error";
import { formatInstant } from "@prego/core/period";
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
import { sql } from "drizzle-orm";
import { LINES_PER_STATEMENT } from "../limits.ts";
import type { TenantClosePlan } from "../plan.ts";
import type { CloseLine } from "../plan/close-line.ts";
import { insertLines } from "./cycle-totals.ts";
import { type IdentifiedCharge, insertCharges } from "./outbox.ts";
import { isUsageUnchanged, type LateRow } from "./usage.ts";
import { isAwaited, isGone } from "./waiting-objects.ts";

/** Everything that one tenant's batch writes, and what must still be true when it does. */
export interface TenantCommit {
  plan: TenantClosePlan;
  charges: readonly IdentifiedCharge[];
  lateRows: readonly LateRow[];
  usageMark: string;
  nowMs: number;
  traceId: string | null;
  audit: AuditEntry;
  trace: readonly TraceEvent[];
}

/** `closed` by this batch; `refused` when something it was planned from has changed, another close of it included. */
export type CommitResult = "closed" | "refused";

/** Writes one tenant's close as one batch. */
export async function commitTenantClose(db: Database, close: TenantCommit): Promise<CommitResult> {
  const { plan, nowMs } = close;
  const closedAt = formatInstant(nowMs);
  const statements: Statement[] = [
    requireTrue(sql`EXISTS (SELECT 1 FROM cycle_runs r WHERE r.cycle = ${plan.cycle} AND r.status = 'closing'
        AND NOT EXISTS (SELECT 1 FROM usage_objects o
          WHERE o.tenant_id = ${plan.tenantId} AND ${isAwaited(sql`r.stored_seq_bound`)}))
      AND EXISTS (SELECT 1 FROM tenants_master t WHERE t.tenant_id = ${plan.tenantId} AND NOT ${isGone})
      AND NOT EXISTS (SELECT 1 FROM usage_cycle_totals WHERE cycle = ${plan.cycle} AND tenant_id = ${plan.tenantId})
      AND ${isUsageUnchanged(plan.tenantId, plan.cycle, close.usageMark)}`),
    ...chunk(plan.lines).map((lines) => insertLines(plan.tenantId, lines, closedAt)),
    ...(close.charges.length === 0 ? [] : [insertCharges(plan.tenantId, close.charges, close)]),
    ...markLateRows(plan, close.lateRows),
    ...appendAudit(db, [close.audit]),
    ...appendTrace(db, close.trace),
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

function chunk(lines: readonly CloseLine[]): CloseLine[][] {
  const chunks: CloseLine[][] = [];
  for (let from = 0; from < lines.length; from += LINES_PER_STATEMENT) {
    chunks.push(lines.slice(from, from + LINES_PER_STATEMENT));
  }
  return chunks;
}

function markLateRows({ tenantId, cycle }: TenantClosePlan, rows: readonly LateRow[]): Statement[] {
  if (rows.length === 0) return [];
  const keys = rows.map(({ meterKey, correctedCycle, r2Key }) => [meterKey, correctedCycle, r2Key]);
  return [
    sql`UPDATE usage_adjustments SET billed_cycle = ${cycle}
      WHERE tenant_id = ${tenantId} AND billed_cycle IS NULL AND (meter_key, corrected_cycle, r2_key) IN
        (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(${JSON.stringify(keys)}))`,
    requireChanged(rows.length),
  ];
}
