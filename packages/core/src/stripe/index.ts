export { createStripeClient, STRIPE_API_VERSION, type StripeSettings } from "./client.ts";
export {
  readCheckoutSession,
  readCustomerId,
  readEnvelope,
  readInvoiceSubscriptionId,
  readMetadata,
  readStripeId,
  readSubscription,
  type CheckoutSessionFields,
  type StripeEnvelope,
  type SubscriptionFields,
} from "./event-fields.ts";
export { billableIdentifier, invoiceIdentifier, type BillableFact } from "./identifiers.ts";
export { verifyStripeWebhook, type SignedWebhook, type VerifiedWebhook, type WebhookRefusal } from "./signature.ts";
