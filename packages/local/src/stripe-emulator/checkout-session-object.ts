import type Stripe from "stripe";
import type { EmulatorContext } from "./context.ts";
import type { Metadata } from "./metadata.ts";
import type { PriceObject } from "./prices.ts";
import type { Wire } from "./wire.ts";

export type CheckoutSessionObject = ReturnType<typeof createCheckoutSessionObject>;
export type LineItemList = ReturnType<typeof createLineItems>;

export interface CheckoutInit {
  readonly id: string;
  readonly url: string;
  /** Without a quantity where usage is what is bought. */
  readonly lines: readonly { readonly price: PriceObject; readonly quantity: number | null }[];
  readonly metadata: Metadata;
  readonly customer: string | null;
  readonly customerEmail: string | null;
  readonly clientReferenceId: string | null;
  readonly successUrl: string;
  readonly cancelUrl: string | null;
  readonly expiresAt: number;
}

/** Fields of features that the emulator does not offer. */
const unusedOfSession = {
  adaptive_pricing: null,
  after_expiration: null,
  allowed_payment_method_types: null,
  billing_address_collection: null,
  client_secret: null,
  collected_information: null,
  consent: null,
  consent_collection: null,
  currency_conversion: null,
  custom_fields: [] as never[],
  custom_text: { after_submit: null, shipping_address: null, submit: null, terms_of_service_acceptance: null },
  discounts: [] as never[],
  integration_identifier: null,
  invoice_creation: null,
  locale: null,
  managed_payments: null,
  origin_context: null,
  payment_link: null,
  payment_method_collection: "always",
  payment_method_configuration_details: null,
  payment_method_options: { card: { request_three_d_secure: "automatic" } },
  payment_method_types: ["card"] as string[],
  permissions: null,
  recovered_from: null,
  saved_payment_method_options: null,
  shipping_address_collection: null,
  shipping_cost: null,
  shipping_options: [] as never[],
  submit_type: null,
  total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
  ui_mode: null,
  wallet_options: null,
} satisfies Wire<Stripe.Checkout.Session>;

export function createCheckoutSessionObject(context: EmulatorContext, init: CheckoutInit) {
  const total = init.lines.reduce((sum, line) => sum + lineTotal(line), 0);
  return {
    id: init.id,
    object: "checkout.session",
    ...unusedOfSession,
    allow_promotion_codes: null,
    amount_subtotal: total,
    amount_total: total,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    cancel_url: init.cancelUrl,
    client_reference_id: init.clientReferenceId,
    created: context.nowSeconds(),
    currency: init.lines[0]?.price.currency ?? null,
    customer: init.customer,
    customer_account: null,
    customer_creation: init.customer === null ? "always" : null,
    customer_details: null as object | null,
    customer_email: init.customerEmail,
    expires_at: init.expiresAt,
    invoice: null as string | null,
    livemode: false,
    metadata: init.metadata,
    mode: "subscription",
    payment_intent: null,
    payment_status: "unpaid" as "paid" | "unpaid" | "no_payment_required",
    setup_intent: null,
    status: "open" as "open" | "complete" | "expired",
    subscription: null as string | null,
    success_url: init.successUrl,
    url: init.url as string | null,
  } satisfies Wire<Stripe.Checkout.Session>;
}

export function createLineItems(context: EmulatorContext, init: CheckoutInit) {
  const data = init.lines.map(
    (line) =>
      ({
        id: context.createId("li"),
        object: "item",
        adjustable_quantity: null,
        amount_discount: 0,
        amount_subtotal: lineTotal(line),
        amount_tax: 0,
        amount_total: lineTotal(line),
        currency: line.price.currency,
        description: line.price.nickname,
        metadata: {} as Metadata,
        price: line.price,
        quantity: line.quantity,
      }) satisfies Wire<Stripe.LineItem>,
  );
  return { object: "list" as const, data, has_more: false, url: `/v1/checkout/sessions/${init.id}/line_items` };
}

function lineTotal(line: CheckoutInit["lines"][number]): number {
  return (line.price.unit_amount ?? 0) * (line.quantity ?? 0);
}
