import { z } from "zod";
import { AmountReason } from "./snapshot.ts";

/** Grows with every new idempotency key; a new one is made only after a look-up found nothing. */
const keyEpoch = z.int().min(0);
/** How often an operator has sent a rejected charge again; absent before the first time. */
const resends = z.int().min(1).exactOptional();
/** Set by a resend: Stripe is looked at before anything is sent, however young the last call is. */
const lookUpFirst = z.literal(true).exactOptional();

/** Arguments of a meter event; `value` is a whole number as text, `timestamp` epoch seconds. */
export const MeterEventPayload = z.strictObject({
  key_epoch: keyEpoch,
  event_name: z.string(),
  customer: z.string(),
  value: z.string().regex(/^-?[0-9]{1,15}$/),
  timestamp: z.int(),
  /** Epoch seconds: when the invoice of that time is final; absent while nothing says when. */
  send_by: z.int().exactOptional(),
  resends,
  look_up_first: lookUpFirst,
});
/** See the schema. */
export type MeterEventPayload = z.infer<typeof MeterEventPayload>;

/** Arguments of an invoice item; `amount` is minor units as text, the period epoch seconds. */
export const InvoiceItemPayload = z.strictObject({
  key_epoch: keyEpoch,
  customer: z.string(),
  amount: z.string().regex(/^-?[0-9]{1,16}$/),
  currency: z.string(),
  description: z.string(),
  period_start: z.int(),
  period_end: z.int(),
  /** Why it is not a meter event, as the plan says. */
  amount_reason: AmountReason.exactOptional(),
  resends,
  look_up_first: lookUpFirst,
});
/** See the schema. */
export type InvoiceItemPayload = z.infer<typeof InvoiceItemPayload>;
