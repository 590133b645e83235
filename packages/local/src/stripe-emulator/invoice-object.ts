import type Stripe from "stripe";
import type { EmulatorContext } from "./context.ts";
import type { InvoiceItemObject } from "./invoice-items.ts";
import { createItemLine, createPendingLine } from "./invoice-lines.ts";
import type { Metadata } from "./metadata.ts";
import type { SubscriptionObject } from "./subscription-object.ts";
import type { Wire } from "./wire.ts";

export type InvoiceObject = ReturnType<typeof createInvoiceObject>;
type InvoiceStatus = "draft" | "open" | "paid" | "uncollectible" | "void";
export const collectionMethods = ["charge_automatically", "send_invoice"] as const;

export interface InvoiceInit {
  readonly id: string;
  readonly customer: string;
  readonly currency: string;
  /** Null for an invoice that was asked for by itself. */
  readonly subscription: SubscriptionObject | null;
  readonly pending: readonly InvoiceItemObject[];
  readonly reason: "subscription_create" | "subscription_cycle" | "manual";
  readonly customerEmail: string | null;
  readonly asked?: InvoiceTerms;
}

/** What only an invoice that was asked for can set. */
export interface InvoiceTerms {
  readonly auto_advance: boolean;
  readonly automatically_finalizes_at: number | null;
  readonly collection_method: (typeof collectionMethods)[number];
  readonly default_payment_method: string | null;
  readonly description: string | null;
  readonly due_date: number | null;
  readonly metadata: Metadata;
}

const termsOfSubscription: InvoiceTerms = {
  auto_advance: true,
  automatically_finalizes_at: null,
  collection_method: "charge_automatically",
  default_payment_method: null,
  description: null,
  due_date: null,
  metadata: {},
};

/** Fields of features that the emulator does not offer. */
const unusedOfInvoice = {
  account_country: "US",
  account_name: "Emulator",
  account_tax_ids: null,
  amount_shipping: 0,
  application: null,
  automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
  custom_fields: null,
  customer_address: null,
  customer_name: null,
  customer_phone: null,
  customer_shipping: null,
  customer_tax_exempt: "none",
  customer_tax_ids: [] as never[],
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
  const isTrial = subscription?.status === "trialing";
  const lines = [
    ...(subscription?.items.data ?? []).map((item) => createItemLine(context, { invoice: id, item, isTrial })),
    ...init.pending.map((item) => createPendingLine(context, id, item)),
  ];
  const total = lines.reduce((sum, line) => sum + line.amount, 0);
  return {
    id,
    object: "invoice",
    ...unusedOfInvoice,
    ...(init.asked ?? termsOfSubscription),
    amount_due: total,
    amount_overpaid: 0,
    amount_paid: 0,
    amount_remaining: total,
    attempt_count: 0,
    attempted: false as boolean,
    billing_reason: init.reason,
    created: now,
    currency: init.currency,
    customer: init.customer,
    customer_account: null,
    customer_email: init.customerEmail,
    ending_balance: null,
    hosted_invoice_url: null,
    lines: { object: "list", data: lines, has_more: false, url: `/v1/invoices/${id}/lines` },
    livemode: false,
    next_payment_attempt: null as number | null,
    number: null as string | null,
    parent:
      subscription === null
        ? null
        : {
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
