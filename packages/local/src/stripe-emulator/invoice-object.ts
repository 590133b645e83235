import type Stripe from "stripe";
import type { EmulatorContext } from "./context.ts";
import type { InvoiceItemObject } from "./invoice-items.ts";
import type { Metadata } from "./metadata.ts";
import type { SubscriptionItemObject, SubscriptionObject } from "./subscription-object.ts";
import type { Wire } from "./wire.ts";

export type InvoiceObject = ReturnType<typeof createInvoiceObject>;
type InvoiceStatus = "draft" | "open" | "paid" | "uncollectible" | "void";
export type BillingReason = "subscription_create" | "subscription_cycle";

export interface InvoiceInit {
  readonly id: string;
  readonly subscription: SubscriptionObject;
  readonly pending: readonly InvoiceItemObject[];
  readonly reason: BillingReason;
  readonly customerEmail: string | null;
}

/** Fields of features that the emulator does not offer. */
const unusedOfInvoice = {
  account_country: "US",
  account_name: "Emulator",
  account_tax_ids: null,
  amount_shipping: 0,
  application: null,
  automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
  automatically_finalizes_at: null,
  custom_fields: null,
  customer_address: null,
  customer_name: null,
  customer_phone: null,
  customer_shipping: null,
  customer_tax_exempt: "none",
  customer_tax_ids: [] as never[],
  default_payment_method: null,
  default_source: null,
  default_tax_rates: [] as never[],
  discounts: [] as never[],
  effective_at: null,
  footer: null,
  from_invoice: null,
  issuer: { type: "self" },
  last_finalization_error: null,
  latest_revision: null,
  on_behalf_of: null,
  payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
  post_payment_credit_notes_amount: 0,
  pre_payment_credit_notes_amount: 0,
  receipt_number: null,
  rendering: null,
  shipping_cost: null,
  shipping_details: null,
  statement_descriptor: null,
  test_clock: null,
  total_discount_amounts: [] as never[],
  total_pretax_credit_amounts: [] as never[],
  total_taxes: [] as never[],
} satisfies Wire<Stripe.Invoice>;

export function createInvoiceObject(context: EmulatorContext, init: InvoiceInit) {
  const { id, subscription } = init;
  const now = context.nowSeconds();
  const isTrial = subscription.status === "trialing";
  const lines = [
    ...subscription.items.data.map((item) => createItemLine(context, { invoice: id, item, isTrial })),
    ...init.pending.map((item) => createPendingLine(context, id, item)),
  ];
  const total = lines.reduce((sum, line) => sum + line.amount, 0);
  return {
    id,
    object: "invoice",
    ...unusedOfInvoice,
    amount_due: total,
    amount_overpaid: 0,
    amount_paid: 0,
    amount_remaining: total,
    attempt_count: 0,
    attempted: false as boolean,
    auto_advance: true,
    billing_reason: init.reason,
    collection_method: "charge_automatically",
    created: now,
    currency: subscription.currency,
    customer: subscription.customer,
    customer_account: null,
    customer_email: init.customerEmail,
    description: null,
    due_date: null,
    ending_balance: null,
    hosted_invoice_url: null,
    lines: { object: "list", data: lines, has_more: false, url: `/v1/invoices/${id}/lines` },
    livemode: false,
    metadata: {} as Metadata,
    next_payment_attempt: null as number | null,
    number: null as string | null,
    parent: {
      quote_details: null,
      subscription_details: { metadata: subscription.metadata, subscription: subscription.id },
      type: "subscription_details",
    },
    period_end: now,
    period_start: now,
    starting_balance: 0,
    status: "draft" as InvoiceStatus,
    status_transitions: {
      finalized_at: null as number | null,
      marked_uncollectible_at: null as number | null,
      paid_at: null as number | null,
      voided_at: null as number | null,
    },
    subtotal: total,
    subtotal_excluding_tax: total,
    total,
    total_excluding_tax: total,
    webhooks_delivered_at: null,
  } satisfies Wire<Stripe.Invoice>;
}

const noProration = { proration: false, proration_details: null };

function createItemLine(
  context: EmulatorContext,
  source: { readonly invoice: string; readonly item: SubscriptionItemObject; readonly isTrial: boolean },
) {
  const { item } = source;
  // Metered lines stay at zero here: the emulator does not rate usage, it only sums it.
  const isFree = source.isTrial || item.price.recurring?.usage_type === "metered";
  const quantity = item.quantity ?? 0;
  return createLine(context, source.invoice, {
    amount: isFree ? 0 : (item.price.unit_amount ?? 0) * quantity,
    currency: item.price.currency,
    description: item.price.nickname,
    metadata: {},
    period: { end: item.current_period_end, start: item.current_period_start },
    pricing: {
      price_details: { price: item.price.id, product: item.price.product },
      type: "price_details",
      unit_amount_decimal: item.price.unit_amount_decimal,
    },
    quantity,
    subscription: item.subscription,
    parent: {
      invoice_item_details: null,
      subscription_item_details: {
        ...noProration,
        invoice_item: null,
        subscription: item.subscription,
        subscription_item: item.id,
      },
      type: "subscription_item_details",
    },
  });
}

function createPendingLine(context: EmulatorContext, invoice: string, item: InvoiceItemObject) {
  return createLine(context, invoice, {
    amount: item.amount,
    currency: item.currency,
    description: item.description,
    metadata: item.metadata,
    period: item.period,
    pricing: item.pricing,
    quantity: item.quantity,
    subscription: item.parent?.subscription_details.subscription ?? null,
    parent: {
      invoice_item_details: {
        ...noProration,
        invoice_item: item.id,
        subscription: item.parent?.subscription_details.subscription ?? null,
      },
      subscription_item_details: null,
      type: "invoice_item_details",
    },
  });
}

interface LineInit {
  readonly amount: number;
  readonly currency: string;
  readonly description: string | null;
  readonly metadata: Metadata;
  readonly period: { readonly end: number; readonly start: number };
  readonly pricing: object | null;
  readonly quantity: number;
  readonly subscription: string | null;
  readonly parent: object;
}

function createLine(context: EmulatorContext, invoice: string, init: LineInit) {
  return {
    id: context.createId("il"),
    object: "line_item",
    discount_amounts: [] as never[],
    discountable: true,
    discounts: [] as string[],
    invoice,
    livemode: false,
    pretax_credit_amounts: [] as never[],
    quantity_decimal: String(init.quantity),
    subtotal: init.amount,
    taxes: [] as never[],
    ...init,
  } satisfies Wire<Stripe.InvoiceLineItem>;
}
