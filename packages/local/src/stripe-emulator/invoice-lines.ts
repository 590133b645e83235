import type Stripe from "stripe";
import type { EmulatorContext } from "./context.ts";
import type { InvoiceItemObject } from "./invoice-items.ts";
import type { Metadata } from "./metadata.ts";
import type { SubscriptionItemObject } from "./subscription-object.ts";
import type { Wire } from "./wire.ts";

const noProration = { proration: false, proration_details: null };

export function createItemLine(
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

export function createPendingLine(context: EmulatorContext, invoice: string, item: InvoiceItemObject) {
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
