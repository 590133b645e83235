import { billableIdentifier } from "@prego/core/stripe";
import type { Cycle } from "@prego/core/period";
import type { Deps } from "./deps.ts";
import type { GatheredTenant } from "./gather-inputs.ts";
import { planTenantClose, type TenantClosePlan } from "./plan.ts";
import { recordChange } from "./record.ts";
import type { IdentifiedCharge } from "./store/outbox.ts";
import type { TenantCommit } from "./store/tenant-close.ts";

/** Who closes, and what. */
export interface Closing {
  actor: string;
  cycle: Cycle;
  /** Trace of the cycle's close, for tenants without one of their own. */
  cycleTraceId: string | null;
}

/**
 * Plans the close of one tenant, with everything its batch writes.
 * @throws TenantCloseError when it cannot be said what the tenant owes.
 */
export async function planCommit(
  deps: Pick<Deps, "now" | "randomBytes">,
  { actor, cycle, cycleTraceId }: Closing,
  { tenant, inputs, lateRows, usageMark }: GatheredTenant,
): Promise<TenantCommit> {
  const plan = planTenantClose(await inputs());
  const traceId = tenant.traceId ?? cycleTraceId;
  const { audit, trace } = await recordChange(deps, actor, {
    action: "cycle.closed",
    target: `usage_cycle_totals/${cycle}`,
    tenantId: tenant.tenantId,
    traceId,
    detail: describePlan(plan),
  });
  return { plan, charges: await identifyCharges(plan), lateRows, usageMark, traceId, audit, trace };
}

/** Gives every charge the identifier of its billable fact. */
export const identifyCharges = ({ tenantId, charges }: TenantClosePlan): Promise<IdentifiedCharge[]> =>
  Promise.all(
    charges.map(async (charge) => {
      const { meterKey, cycle, correctedCycle, part } = charge;
      return { ...charge, identifier: await billableIdentifier({ tenantId, meterKey, cycle, correctedCycle, part }) };
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
