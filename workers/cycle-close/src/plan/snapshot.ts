import { formatAmountScaled, Price, type PricePart } from "@prego/core/pricing";
import { formatQuantity } from "@prego/core/quantity";
import { z } from "zod";

const Micros = z.string().regex(/^-?[0-9]{1,30}$/);

/**
 * Why Stripe cannot price a line of a plan in mode `meter_event`, so that its charge is an amount that we priced: no subscription
 * that Stripe invoices; another plan by now; plan or subscription are younger than the event would be; the plan's version of now
 * does not send this meter there; the subscription lacks a price of it; a negative sum bills nothing there; Stripe has invoiced the time of the event; the event is
 * older than Stripe takes; what the line corrects was an amount; tiers apply to a sum of which the line is a share.
 */
export const AmountReason = z.enum([
  "no_live_subscription",
  "plan_left",
  "subscribed_later",
  "meter_not_in_live_plan",
  "price_not_on_subscription",
  "negative_units",
  "period_invoiced",
  "event_too_old",
  "corrects_an_amount",
  "share_of_tiers",
]);
/** See the schema. */
export type AmountReason = z.infer<typeof AmountReason>;

/** What was applied to a line, stored with it: enough to price it again, and to price late usage on top of it. */
export const LineSnapshot = z.strictObject({
  version: z.literal(1),
  plan_id: z.string(),
  plan_version: z.int(),
  /** As the plan says; a line with `amount_reason` does not follow it. */
  billing_mode: z.enum(["meter_event", "invoice_item"]),
  aggregation: z.enum(["sum", "count", "max", "last", "unique"]),
  unit: z.string().nullable(),
  events: Micros,
  /** Null: the plan does not price this meter. */
  price: Price.nullable(),
  /** The meter's own allowance in micro-units. */
  allowance_micros: Micros,
  /** The shared allowance, if the meter takes part in it, and what this line took from it. */
  pool: z.strictObject({ included_micros: Micros, weight: z.string(), covered_micros: Micros }).nullable(),
  stripe_event_name: z.string().nullable(),
  /** The terms of the amount, exact; they show how one rounding at the end made it. */
  parts: z.array(z.record(z.string(), z.string())),
  /** What is sent to a billing meter: whole units, rounded half up once from the exact overage; null when nothing goes there. */
  meter_units: z.strictObject({ sent: Micros, overage: z.string() }).nullable(),
  /** Late usage: the totals of the corrected cycle before and after, in micro-units. */
  corrects: z
    .strictObject({
      quantity_before_micros: Micros,
      quantity_after_micros: Micros,
      overage_before_micros: Micros,
      overage_after_micros: Micros,
    })
    .nullable(),
  note: z.enum(["meter_not_in_plan", "late_usage_not_priced"]).nullable(),
  /**
   * The part of its cycle that the line is about, as hours `[from, to)`, and where all parts of that cycle begin. Absent when
   * the cycle has one part only; otherwise allowances are those of the part.
   */
  part: z.strictObject({ from: z.string(), to: z.string(), starts: z.array(z.string()) }).exactOptional(),
  /**
   * Largest or last value of a part, of which the quantity is the share by hours; of late usage, as it is with it. Absent where
   * hours add up, and in a whole cycle's own line, whose quantity it is.
   */
  level_micros: Micros.exactOptional(),
  /** When a last value was reported; absent while none was. */
  level_at: z.string().exactOptional(),
  /** Absent when the charge goes as the plan says. */
  amount_reason: AmountReason.exactOptional(),
});
/** See the schema. */
export type LineSnapshot = z.infer<typeof LineSnapshot>;

/** Price parts as text. */
export const describeParts = (parts: readonly PricePart[]): Record<string, string>[] =>
  parts.map((part) =>
    part.kind === "units"
      ? {
          kind: part.kind,
          tier: part.tier.toString(),
          quantity: formatQuantity(part.quantity),
          unit_amount: part.unitAmount,
          ...(part.flatAmount === undefined ? {} : { flat_amount: part.flatAmount }),
          amount: formatAmountScaled(part.amountScaled),
        }
      : {
          kind: part.kind,
          packages: part.packages.toString(),
          quantity: formatQuantity(part.quantity),
          package_size: part.packageSize,
          package_amount: part.packageAmount,
          amount: formatAmountScaled(part.amountScaled),
        },
  );
