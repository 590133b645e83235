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
  readonly lines: readonly { readonly price: PriceObject; readonly quantity: number }[];
  readonly metadata: Metadata;
  readonly customer: string | null;
  readonly customerEmail: string | null;
  readonly clientReferenceId: string | null;
  readonly successUrl: string;
  readonly cancelUrl: string | null;
  readonly expiresAt: number;
}

export function createCheckoutSessionObject(context: EmulatorContext, init: CheckoutInit) {
  const total = init.lines.reduce((sum, line) => sum + lineTotal(line), 0);
  return {
    id: init.id,
    object: "checkout.session",
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
    customer_details: null as { email: string | null; name: string | null } | null,
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
  return line.price.recurring?.usage_type === "metered" ? 0 : (line.price.unit_amount ?? 0) * line.quantity;
}
