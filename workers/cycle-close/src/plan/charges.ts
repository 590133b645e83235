import type { Cycle } from "@prego/core/period";
import { formatQuantity } from "@prego/core/quantity";
import { METER_VALUE_DIGITS_MAX } from "../limits.ts";
import type { CloseLine } from "./close-line.ts";
import { type LivePlan, TenantCloseError, type TenantCloseInputs } from "./inputs.ts";
import { findFinalAtMs } from "./invoice-time.ts";
import { partBounds, partKey } from "./line-part.ts";
import { meterTimestamp } from "./meter-timestamp.ts";
import type { InvoiceItemPayload, MeterEventPayload } from "./outbox-payload.ts";

/** What Stripe must be told about one line: a row of the outbox to be. */
export type Charge = { meterKey: string; cycle: Cycle; correctedCycle: Cycle; part: string } & (
  | { mode: "meter_event"; payload: MeterEventPayload }
  | { mode: "invoice_item"; payload: InvoiceItemPayload }
);

/** 2^53 - 1: beyond it a number of the Stripe client is no longer exact. */
const AMOUNT_MAX = 9_007_199_254_740_991n;

/** The charge of a line whose way is settled, or undefined when nothing is owed. */
export function planCharge(
  line: CloseLine,
  { stripeCustomerId: customer, live }: Pick<TenantCloseInputs, "stripeCustomerId" | "live">,
): Charge | undefined {
  const { meterKey, cycle, correctedCycle, snapshot } = line;
  if (snapshot.price === null) return undefined;
  const fact = { meterKey, cycle, correctedCycle, part: partKey(snapshot.part) };
  if (snapshot.meter_units !== null) {
    const value = snapshot.meter_units.sent;
    if (value === "0") return undefined;
    return {
      ...fact,
      mode: "meter_event",
      payload: meterEvent(line, value, { customer: requireCustomer(customer, meterKey), live }),
    };
  }
  if (line.amountMinor === 0n) return undefined;
  return { ...fact, mode: "invoice_item", payload: invoiceItem(line, requireCustomer(customer, meterKey)) };
}

function requireCustomer(customer: string | null, meterKey: string): string {
  if (customer === null) throw new TenantCloseError("stripe_customer_missing", meterKey);
  return customer;
}

function meterEvent(
  line: CloseLine,
  value: string,
  { customer, live }: { customer: string; live: LivePlan | null },
): MeterEventPayload {
  const eventName = line.snapshot.stripe_event_name;
  if (eventName === null) throw new TenantCloseError("stripe_event_name_missing", line.meterKey);
  if (value.replace("-", "").length > METER_VALUE_DIGITS_MAX) {
    throw new TenantCloseError("value_too_large", line.meterKey);
  }
  const timestamp = meterTimestamp(line);
  const finalAtMs = live === null ? null : findFinalAtMs(live, timestamp * 1_000);
  return {
    key_epoch: 0,
    event_name: eventName,
    customer,
    value,
    timestamp,
    ...(finalAtMs === null ? {} : { send_by: finalAtMs / 1_000 }),
  };
}

function invoiceItem(line: CloseLine, customer: string): InvoiceItemPayload {
  const { amountMinor, currency, correctedCycle, cycle, meterKey } = line;
  if (amountMinor > AMOUNT_MAX || amountMinor < -AMOUNT_MAX) throw new TenantCloseError("value_too_large", meterKey);
  const { part, amount_reason: reason } = line.snapshot;
  const { startMs, endMs } = partBounds(correctedCycle, part);
  const unit = line.snapshot.unit ?? "unit";
  const when = part === undefined ? "" : ` (${part.from} to ${part.to} UTC)`;
  const late = correctedCycle === cycle ? "" : ", late usage";
  return {
    key_epoch: 0,
    customer,
    amount: amountMinor.toString(),
    currency,
    description: `${meterKey} ${correctedCycle}${when}${late}: ${formatQuantity(line.overage)} x ${unit} above what the plan includes`,
    period_start: startMs / 1_000,
    period_end: endMs / 1_000 - 1,
    ...(reason === undefined ? {} : { amount_reason: reason }),
  };
}
