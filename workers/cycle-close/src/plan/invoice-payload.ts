import { z } from "zod";

/** Arguments of an invoice. They are fixed before the first call: Stripe refuses a key with other arguments. */
export const InvoicePayload = z.strictObject({
  /** Grows with every new idempotency key; a new one is made only after a look-up found nothing. */
  key_epoch: z.int().min(0),
  customer: z.string(),
  currency: z.string(),
  /** What the ended subscription was paid with; null: the customer's own default. */
  payment_method: z.string().nullable(),
});
/** See the schema. */
export type InvoicePayload = z.infer<typeof InvoicePayload>;
