import { billableIdentifier } from "@prego/core/stripe";
import type { Cycle } from "@prego/core/period";
import type { Deps } from "./deps.ts";
import { gatherInputs } from "./gather-inputs.ts";
import { planTenantClose, type TenantClosePlan } from "./plan.ts";
import { recordChange } from "./record.ts";
import type { IdentifiedCharge } from "./store/outbox.ts";
import type { PlanBook } from "./store/plan-versions.ts";
import { type CommitResult, commitTenantClose } from "./store/tenant-close.ts";
import type { BillableTenant } from "./store/tenants.ts";

/** Who closes, what, and for whom. */
export interface TenantClose {
  actor: string;
  cycle: Cycle;
  /** Trace of the cycle's close, for tenants without one of their own. */
  cycleTraceId: string | null;
  tenant: BillableTenant;
  book: PlanBook;
}

/**
 * Closes one tenant in one batch.
 * @throws TenantCloseError when it cannot be said what the tenant owes.
 */
export async function closeTenant(
  deps: Deps,
  close: TenantClose,
): Promise<{ result: CommitResult; plan: TenantClosePlan }> {
  const { tenant, cycle } = close;
  const { inputs, lateRows, usageMark } = await gatherInputs(deps.db, close.book, { tenant, cycle });
  const plan = planTenantClose(inputs);
  const traceId = tenant.traceId ?? close.cycleTraceId;
  const { audit, trace } = await recordChange(deps, close.actor, {
    action: "cycle.closed",
    target: `usage_cycle_totals/${cycle}`,
    tenantId: tenant.tenantId,
    traceId,
    detail: describePlan(plan),
  });
  const charges = await identifyCharges(plan);
  const nowMs = deps.now();
  const commit = { plan, charges, lateRows, usageMark, nowMs, traceId, audit, trace: [trace] };
  return { result: await commitTenantClose(deps.db, commit), plan };
}

/** Gives every charge the identifier of its billable fact. */
export const identifyCharges = ({ tenantId, charges }: TenantClosePlan): Promise<IdentifiedCharge[]> =>
  Promise.all(
    charges.map(async (charge) => {
      const { meterKey, cycle, correctedCycle } = charge;
      return { ...charge, identifier: await billableIdentifier({ tenantId, meterKey, cycle, correctedCycle }) };
    }),
  );

function describePlan({ cycle, lines, charges }: TenantClosePlan): Record<string, string | number> {
  const currency = lines[0]?.currency ?? "";
  const amount = lines.reduce((sum, line) => (line.currency === currency ? sum + line.amountMinor : sum), 0n);
  const late = lines.filter((line) => line.correctedCycle !== cycle).length;
  return {
    cycle,
    lines: lines.length,
    late_lines: late,
    charges: charges.length,
    amount_minor: amount.toString(),
    currency,
  };
}
