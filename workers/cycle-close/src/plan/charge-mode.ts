import type { CloseLine } from "./close-line.ts";
import type { TenantCloseInputs } from "./inputs.ts";
import { partKey } from "./line-part.ts";
import { meterTimestamp } from "./meter-timestamp.ts";
import type { AmountReason, LineSnapshot } from "./snapshot.ts";

type Known = Pick<TenantCloseInputs, "live" | "stored">;

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

function findAmountReason(line: CloseLine, { live, stored }: Known): AmountReason | undefined {
  const { meterKey, snapshot } = line;
  if (live === null) return "no_live_subscription";
  if (live.planId !== snapshot.plan_id) return "plan_left";
  // An event from before the subscription, or before its item of this plan, is in no period that it invoices.
  if (live.sinceMs !== null && meterTimestamp(line) * 1_000 < live.sinceMs) return "subscribed_later";
  if (live.eventNames.get(meterKey) !== snapshot.stripe_event_name) return "meter_not_in_live_plan";
  return stored.some((one) => isCorrectedAmount(one, line)) ? "corrects_an_amount" : undefined;
}

/** Amounts of one part add up exactly; units on top of an amount would be rounded a second time. */
const isCorrectedAmount = (stored: Known["stored"][number], line: CloseLine): boolean =>
  stored.snapshot.amount_reason !== undefined &&
  stored.meterKey === line.meterKey &&
  stored.correctedCycle === line.correctedCycle &&
  partKey(stored.snapshot.part) === partKey(line.snapshot.part);
