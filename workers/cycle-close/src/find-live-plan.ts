import { type LivePlan, type PlanVersion, TenantCloseError } from "./plan/inputs.ts";
import { findInForce } from "./plan/parts.ts";
import type { PlanBook } from "./store/plan-versions.ts";
import type { BillableTenant } from "./store/tenants.ts";

/** When it is asked what Stripe can price, and for how long Stripe keeps an invoice open after its period. */
export interface AskedAt {
  nowMs: number;
  invoiceGraceMs: number;
}

/** What Stripe prices a tenant's meter events by, as far as our tables know; null when it makes no invoices for them. */
export async function findLivePlan(
  book: PlanBook,
  { planId, live }: Pick<BillableTenant, "planId" | "live">,
  { nowMs, invoiceGraceMs, inForceAtMs }: AskedAt & { inForceAtMs: number },
): Promise<LivePlan | null> {
  if (live === null) return null;
  const { sinceMs, period, priceIds } = live;
  const plan = await readInForce(book, planId, inForceAtMs);
  const metered = plan?.billingMode === "meter_event" ? plan.meters : [];
  return {
    planId,
    sinceMs,
    eventNames: new Map(metered.map(({ meterKey, stripeEventName }) => [meterKey, stripeEventName])),
    meterPrices: new Map(metered.map(({ meterKey, stripePriceId }) => [meterKey, stripePriceId])),
    unpricedMeters: plan === undefined || priceIds === null ? new Set() : listUnpriced(plan, new Set(priceIds)),
    period,
    invoiceGraceMs,
    askedAtMs: nowMs,
  };
}

/**
 * Meters whose price the subscription does not have: their own, or that of the plan. One whose price the plan does not name may
 * have it among those that the plan does not name either; where there are none, nothing prices it.
 */
function listUnpriced({ stripePriceId, meters }: PlanVersion, held: ReadonlySet<string>): Set<string> {
  const named = new Set([stripePriceId, ...meters.map((meter) => meter.stripePriceId)]);
  const hasUnnamed = [...held].some((price) => !named.has(price));
  const isMissing = (price: string | null): boolean => price !== null && !held.has(price);
  const unpriced = meters.filter(
    (meter) =>
      isMissing(stripePriceId) || (meter.stripePriceId === null ? !hasUnnamed : isMissing(meter.stripePriceId)),
  );
  return new Set(unpriced.map(({ meterKey }) => meterKey));
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
