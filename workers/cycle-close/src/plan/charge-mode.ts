import { EVENT_AGE_MS_MAX } from "@prego/core/limits";
import type { CloseLine } from "./close-line.ts";
import type { LivePlan, TenantCloseInputs } from "./inputs.ts";
import { findFinalAtMs } from "./invoice-time.ts";
import { partKey } from "./line-part.ts";
import { meterTimestamp } from "./meter-timestamp.ts";
import type { AmountReason, LineSnapshot } from "./snapshot.ts";

/** What sending may take: an event that comes too late is on no invoice, an amount is on the next one. */
const SENDING_MS = 60 * 60 * 1_000;
/** Longer than any month. */
const MONTH_MS_MAX = 32 * 24 * 60 * 60 * 1_000;

type Known = Pick<TenantCloseInputs, "live" | "stored" | "parts">;

/** How the charge of a line goes, whether it is planned or was closed. */
export const chargeModeOf = ({
  billing_mode: mode,
  amount_reason: reason,
}: LineSnapshot): LineSnapshot["billing_mode"] => (reason === undefined ? mode : "invoice_item");

/**
 * Settles how the charge of a line goes: what would be a meter event that Stripe puts on no invoice, or prices by another plan,
 * becomes the amount that we priced. The line keeps it, so nobody decides again.
 */
export function settleChargeMode(line: CloseLine, known: Known): CloseLine {
  const { snapshot } = line;
  if (snapshot.meter_units === null) return line;
  const reason = findAmountReason(line, known);
  return reason === undefined ? line : { ...line, snapshot: { ...snapshot, meter_units: null, amount_reason: reason } };
}

function findAmountReason(line: CloseLine, { live, stored, parts }: Known): AmountReason | undefined {
  const { meterKey, snapshot } = line;
  const eventAtMs = meterTimestamp(line) * 1_000;
  if (live === null) return "no_live_subscription";
  const sentByMs = live.askedAtMs + SENDING_MS;
  if (live.planId !== snapshot.plan_id) return "plan_left";
  // An event from before the subscription, or before its item of this plan, is in no period that it invoices.
  if (live.sinceMs !== null && eventAtMs < live.sinceMs) return "subscribed_later";
  if (live.eventNames.get(meterKey) !== snapshot.stripe_event_name) return "meter_not_in_live_plan";
  if (live.unpricedMeters.has(meterKey) || isOfAnotherPrice(line, live, parts)) return "price_not_on_subscription";
  if (snapshot.meter_units?.sent.startsWith("-") === true) return "negative_units";
  const finalAtMs = findFinalAtMs(live, eventAtMs);
  if (finalAtMs !== null && finalAtMs < sentByMs) return "period_invoiced";
  if (sentByMs - eventAtMs > EVENT_AGE_MS_MAX) return "event_too_old";
  if (stored.some((one) => isCorrectedAmount(one, line))) return "corrects_an_amount";
  return isShareOfTiers(line, live) ? "share_of_tiers" : undefined;
}

/** Stripe applies tiers and packages to all that lies in its own period: right for a month's one line, wrong for shares of one. */
function isShareOfTiers({ cycle, correctedCycle, snapshot }: CloseLine, { period }: LivePlan): boolean {
  if (snapshot.price?.model === "flat") return false;
  const isLong = period !== null && period.endMs !== null && period.endMs - period.startMs > MONTH_MS_MAX;
  return isLong || cycle !== correctedCycle || snapshot.part !== undefined;
}

/** Whether the version that priced the line names another metered price than the one in force. */
function isOfAnotherPrice({ meterKey, snapshot }: CloseLine, live: LivePlan, parts: Known["parts"]): boolean {
  const own = parts.find(({ plan }) => plan.planId === snapshot.plan_id && plan.version === snapshot.plan_version);
  const price = own?.plan.meters.find((meter) => meter.meterKey === meterKey)?.stripePriceId ?? null;
  return price !== null && live.meterPrices.get(meterKey) !== price;
}

/** Amounts of one part add up exactly; units on top of an amount would be rounded a second time. */
const isCorrectedAmount = (stored: Known["stored"][number], line: CloseLine): boolean =>
  stored.snapshot.amount_reason !== undefined &&
  stored.meterKey === line.meterKey &&
  stored.correctedCycle === line.correctedCycle &&
  partKey(stored.snapshot.part) === partKey(line.snapshot.part);
