import { type LivePlan, type PlanVersion, TenantCloseError } from "./plan/inputs.ts";
import { findInForce } from "./plan/parts.ts";
import type { PlanBook } from "./store/plan-versions.ts";
import type { BillableTenant } from "./store/tenants.ts";

/** What Stripe prices a tenant's meter events by, as far as our tables know; null when it makes no invoices for them. */
export async function findLivePlan(
  book: PlanBook,
  { planId, live }: Pick<BillableTenant, "planId" | "live">,
  atMs: number,
): Promise<LivePlan | null> {
  if (live === null) return null;
  const plan = await readInForce(book, planId, atMs);
  const metered = plan?.billingMode === "meter_event" ? plan.meters : [];
  const eventNames = new Map(metered.map(({ meterKey, stripeEventName }) => [meterKey, stripeEventName]));
  return { planId, sinceMs: live.sinceMs, eventNames };
}

/** Undefined when it cannot be used: then nothing is known to be priced by it, and the lines priced by it say why. */
async function readInForce(book: PlanBook, planId: string, atMs: number): Promise<PlanVersion | undefined> {
  try {
    const versions = new Map([[planId, await book.versionsOf(planId)]]);
    const { version } = findInForce({ changes: [{ planId, atMs: 0 }], versions }, atMs);
    return await book.version(planId, version);
  } catch (error) {
    if (error instanceof TenantCloseError) return undefined;
    throw error;
  }
}
