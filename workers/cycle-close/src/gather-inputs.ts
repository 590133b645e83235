import type { Cycle } from "@prego/core/period";
import type { Database } from "@prego/core/store";
import { type PlanVersion, TenantCloseError, type TenantCloseInputs } from "./plan/inputs.ts";
import { listLinesAbout } from "./store/cycle-totals.ts";
import type { PlanBook } from "./store/plan-versions.ts";
import { type BillableTenant, isCloseOpen } from "./store/tenants.ts";
import { combineLateRows, type LateRow, listLateRows, readUsage } from "./store/usage.ts";

/** What a tenant's close is planned from, and what its batch checks and marks. */
export interface GatheredTenant {
  inputs: TenantCloseInputs;
  lateRows: LateRow[];
  usageMark: string;
}

/** Reads everything that decides what a tenant owes for a cycle. Preview, dry run and close all plan from it. */
export async function gatherInputs(
  db: Database,
  book: PlanBook,
  { tenant, cycle }: { tenant: BillableTenant; cycle: Cycle },
): Promise<GatheredTenant> {
  const { tenantId, planId, stripeCustomerId } = tenant;
  const plan = await book.planFor(planId, cycle);
  const meters = await book.meters();
  const { usage, mark } = await readUsage(db, tenantId, cycle);
  const lateRows = tenant.hasLate ? await listLateRows(db, tenantId, cycle) : [];
  const corrected = [...new Set(lateRows.map((row) => row.correctedCycle))];
  const lines = corrected.length === 0 ? [] : await listLinesAbout(db, tenantId, corrected);
  const earlierPlans = new Map<Cycle, PlanVersion>();
  for (const earlier of corrected) {
    if (lines.some((line) => line.correctedCycle === earlier)) continue;
    if (await isCloseOpen(db, tenantId, earlier)) throw new TenantCloseError("earlier_cycle_open", earlier);
    earlierPlans.set(earlier, await book.planFor(planId, earlier));
  }
  const stored = lines.map(({ quantity, ...line }) => ({ ...line, qty: quantity }));
  const late = await combineLateRows(lateRows);
  const inputs = { tenantId, stripeCustomerId, cycle, plan, meters, usage, late, stored, earlierPlans };
  return { inputs, lateRows, usageMark: mark };
}
