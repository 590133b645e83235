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
    lines: { object: "list", data: lines, has_more: false, total_count: lines.length, url: `/v1/invoices/${id}/lines` },
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
    total,
    webhooks_delivered_at: null,
  } satisfies Wire<Stripe.Invoice>;
}

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
    quantity,
    parent: {
      invoice_item_details: null,
      subscription_item_details: { invoice_item: null, subscription: item.subscription, subscription_item: item.id },
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
    quantity: item.quantity,
    parent: {
      invoice_item_details: {
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
  readonly quantity: number;
  readonly parent: object;
}

function createLine(context: EmulatorContext, invoice: string, init: LineInit) {
  return {
    id: context.createId("il"),
    object: "line_item",
    discountable: true,
    discounts: [] as string[],
    invoice,
    livemode: false,
    subtotal: init.amount,
    ...init,
  } satisfies Wire<Stripe.InvoiceLineItem>;
}
