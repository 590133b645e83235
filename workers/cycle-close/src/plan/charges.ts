import { type Cycle, cycleBounds, nextCycle } from "@prego/core/period";
import { formatQuantity } from "@prego/core/quantity";
import { METER_VALUE_DIGITS_MAX } from "../limits.ts";
import type { CloseLine } from "./close-line.ts";
import { TenantCloseError } from "./inputs.ts";
import { partBounds, partKey, partsAfter } from "./line-part.ts";
import type { InvoiceItemPayload, MeterEventPayload } from "./outbox-payload.ts";

/** What Stripe must be told about one line: a row of the outbox to be. */
export type Charge = { meterKey: string; cycle: Cycle; correctedCycle: Cycle; part: string } & (
  | { mode: "meter_event"; payload: MeterEventPayload }
  | { mode: "invoice_item"; payload: InvoiceItemPayload }
);

/** Months that late usage may lie back; more is not a cycle that was ever billed here. */
const MONTHS_BACK_MAX = 1_200;
/** Minutes kept for the months of one part: whole hours, and more than those months take. */
const MINUTES_PER_PART = 21 * 60;
/** Minute 0 of every hour counted back from the end of a cycle is left to the parts of that cycle. */
const LATE_MINUTES_PER_HOUR = 59;
/** 2^53 - 1: beyond it a number of the Stripe client is no longer exact. */
const AMOUNT_MAX = 9_007_199_254_740_991n;

/** The charge of a line, or undefined when nothing is owed. */
export function planCharge(line: CloseLine, customer: string | null): Charge | undefined {
  const { meterKey, cycle, correctedCycle, snapshot } = line;
  if (snapshot.price === null) return undefined;
  const fact = { meterKey, cycle, correctedCycle, part: partKey(snapshot.part) };
  if (snapshot.billing_mode === "meter_event") {
    const value = snapshot.meter_units?.sent ?? "0";
    if (value === "0") return undefined;
    return { ...fact, mode: "meter_event", payload: meterEvent(line, value, requireCustomer(customer, meterKey)) };
  }
  if (line.amountMinor === 0n) return undefined;
  return { ...fact, mode: "invoice_item", payload: invoiceItem(line, requireCustomer(customer, meterKey)) };
}

function requireCustomer(customer: string | null, meterKey: string): string {
  if (customer === null) throw new TenantCloseError("stripe_customer_missing", meterKey);
  return customer;
}

function meterEvent(line: CloseLine, value: string, customer: string): MeterEventPayload {
  const eventName = line.snapshot.stripe_event_name;
  if (eventName === null) throw new TenantCloseError("stripe_event_name_missing", line.meterKey);
  if (value.replace("-", "").length > METER_VALUE_DIGITS_MAX) {
    throw new TenantCloseError("value_too_large", line.meterKey);
  }
  return { key_epoch: 0, event_name: eventName, customer, value, timestamp: meterTimestamp(line) };
}

/**
 * Epoch seconds: the last second of the line's part. Late usage lies in the cycle that bills it, one minute before its end
 * for each month back and 21 hours more for each later part of its own cycle. So every line has a minute of its own, in
 * which Stripe's summary of the customer's meter is that line alone.
 */
function meterTimestamp({ cycle, correctedCycle, snapshot: { part } }: CloseLine): number {
  if (cycle === correctedCycle) return partBounds(cycle, part).endMs / 1_000 - 1;
  let months = 0;
  for (let at = correctedCycle; at < cycle && months < MONTHS_BACK_MAX; at = nextCycle(at)) months += 1;
  const fullHours = (months - 1 - ((months - 1) % LATE_MINUTES_PER_HOUR)) / LATE_MINUTES_PER_HOUR;
  const minutes = months + fullHours + MINUTES_PER_PART * partsAfter(part);
  return cycleBounds(cycle).endMs / 1_000 - 1 - 60 * minutes;
}

function invoiceItem(line: CloseLine, customer: string): InvoiceItemPayload {
  const { amountMinor, currency, correctedCycle, cycle, meterKey } = line;
  if (amountMinor > AMOUNT_MAX || amountMinor < -AMOUNT_MAX) throw new TenantCloseError("value_too_large", meterKey);
  const { part } = line.snapshot;
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
  };
}
