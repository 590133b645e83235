import { type Cycle, cycleOf } from "@prego/core/period";
import { ProblemError } from "@prego/core/problem";
import { identifyCharges } from "./close-tenant.ts";
import type { Deps } from "./deps.ts";
import { askedAt, gatherTenant } from "./gather-inputs.ts";
import { planTenantClose } from "./plan.ts";
import { TenantCloseError } from "./plan/inputs.ts";
import type { CloseLine } from "./plan/close-line.ts";
import { type ChargeView, type LineView, presentCharge, presentLine, sumAmounts } from "./present-plan.ts";
import { listClosedLines } from "./store/cycle-totals.ts";
import { listChargesOf } from "./store/outbox.ts";
import { createPlanBook } from "./store/plan-versions.ts";
import { findTenant } from "./store/tenants.ts";

/** A tenant's bill for a cycle. `open`: what a close would write now; `closed`: what it wrote. */
export interface Preview {
  tenant_id: string;
  cycle: Cycle;
  state: "open" | "closed";
  lines: LineView[];
  charges: (ChargeView & { status: string })[];
  amounts: { currency: string; amount_minor: string; amount: string }[];
}

/** The lines of a tenant's cycle: stored ones when it is closed, planned ones by the close's own code when it is not. */
export async function findLines(
  deps: Pick<Deps, "db" | "now" | "invoiceGraceMs">,
  tenantId: string,
  cycle: Cycle,
): Promise<{ state: "open" | "closed"; lines: CloseLine[]; charges: Preview["charges"] }> {
  const closed = await listClosedLines(deps.db, tenantId, cycle);
  if (closed.length > 0) return { state: "closed", lines: closed, charges: await findCharges(deps, tenantId, cycle) };
  const tenant = await findTenant(deps.db, tenantId);
  if (tenant === undefined || cycle > cycleOf(deps.now())) throw new ProblemError("not_found");
  try {
    const inputs = await gatherTenant(deps.db, createPlanBook(deps.db), { tenant, cycle, ...askedAt(deps) });
    const plan = planTenantClose(inputs);
    const charges = (await identifyCharges(plan)).map((charge) => ({ ...presentCharge(charge), status: "planned" }));
    return { state: "open", lines: plan.lines, charges };
  } catch (error) {
    if (error instanceof TenantCloseError) throw new ProblemError("conflict", { detail: error.message, cause: error });
    throw error;
  }
}

export async function previewTenant(
  deps: Pick<Deps, "db" | "now" | "invoiceGraceMs">,
  tenantId: string,
  cycle: Cycle,
): Promise<Preview> {
  const { state, lines, charges } = await findLines(deps, tenantId, cycle);
  return { tenant_id: tenantId, cycle, state, lines: lines.map(presentLine), charges, amounts: sumAmounts(lines) };
}

async function findCharges(deps: Pick<Deps, "db">, tenantId: string, cycle: Cycle): Promise<Preview["charges"]> {
  const rows = await listChargesOf(deps.db, tenantId, cycle);
  return rows.map(({ meterKey, correctedCycle, part, mode, identifier, payloadJson, ...fate }) => ({
    meter_key: meterKey,
    corrected_cycle: correctedCycle,
    part: part === "" ? null : part,
    mode,
    identifier,
    payload: JSON.parse(payloadJson) as Record<string, unknown>,
    status: fate.status,
    attempts: fate.attempts,
    intent_at: fate.intentAt,
    stripe_id: fate.stripeId,
    error: fate.error,
  }));
}
