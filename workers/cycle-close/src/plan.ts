import { planBaseLines } from "./plan/base-lines.ts";
import { settleChargeMode } from "./plan/charge-mode.ts";
import { type Charge, planCharge } from "./plan/charges.ts";
import type { CloseLine } from "./plan/close-line.ts";
import type { TenantCloseInputs } from "./plan/inputs.ts";
import { planLateLines } from "./plan/late-lines.ts";

/** What closing one tenant writes: preview and dry run print it, the close stores it. */
export interface TenantClosePlan {
  tenantId: string;
  cycle: string;
  lines: CloseLine[];
  charges: Charge[];
}

/**
 * What a tenant owes for a cycle: lines for the cycle itself, lines for late usage of closed cycles, and the charges that
 * follow from them.
 * @throws TenantCloseError when it cannot be said.
 */
export function planTenantClose(inputs: TenantCloseInputs): TenantClosePlan {
  const lines = [...planBaseLines(inputs), ...planLateLines(inputs)].map((line) => settleChargeMode(line, inputs));
  const charges = lines.flatMap((line) => planCharge(line, inputs) ?? []);
  return { tenantId: inputs.tenantId, cycle: inputs.cycle, lines, charges };
}
