export { createStripeClient, STRIPE_API_VERSION, type StripeSettings } from "./client.ts";
export { billableIdentifier, type BillableFact } from "./identifiers.ts";
