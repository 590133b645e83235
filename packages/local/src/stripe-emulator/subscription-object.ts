import type Stripe from "stripe";
import type { EmulatorContext } from "./context.ts";
import type { Metadata } from "./metadata.ts";
import { createPlanObject } from "./plan-object.ts";
import type { PriceObject } from "./prices.ts";
import type { Wire } from "./wire.ts";

export type SubscriptionObject = ReturnType<typeof createSubscriptionObject>;
export type SubscriptionItemObject = ReturnType<typeof createSubscriptionItem>;

export const subscriptionStatuses = [
  "active",
  "canceled",
  "incomplete",
  "incomplete_expired",
  "past_due",
  "paused",
  "trialing",
  "unpaid",
] as const satisfies readonly Stripe.Subscription.Status[];

export type SubscriptionStatus = (typeof subscriptionStatuses)[number];

export interface SubscriptionInit {
  readonly customer: string;
  readonly prices: readonly { readonly price: PriceObject; readonly quantity: number }[];
  readonly metadata: Metadata;
  readonly trialEnd?: number | undefined;
  readonly defaultPaymentMethod?: string | undefined;
  readonly description?: string | undefined;
}

export function createSubscriptionObject(context: EmulatorContext, init: SubscriptionInit) {
  const now = context.nowSeconds();
  const id = context.createId("sub");
  const items = init.prices.map((line) => createSubscriptionItem(context, { ...line, subscription: id }));
  return {
    id,
    object: "subscription",
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: now,
    billing_mode: { flexible: null, type: "flexible" },
    ...unusedOfSubscription,
    cancel_at: null as number | null,
    cancel_at_period_end: false as boolean,
    canceled_at: null as number | null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null as string | null },
    collection_method: "charge_automatically",
    created: now,
    currency: init.prices[0]?.price.currency ?? "usd",
    customer: init.customer,
    customer_account: null,
    days_until_due: null,
    default_payment_method: init.defaultPaymentMethod ?? null,
    description: init.description ?? null,
    discounts: [] as string[],
    ended_at: null as number | null,
    items: wrapItems(id, items),
    latest_invoice: null as string | null,
    livemode: false,
    metadata: init.metadata,
    pause_collection: null as { behavior: string; resumes_at: number | null } | null,
    schedule: null,
    start_date: now,
    status: (init.trialEnd === undefined ? "active" : "trialing") as SubscriptionStatus,
    test_clock: null,
    trial_end: init.trialEnd ?? null,
    trial_start: init.trialEnd === undefined ? null : now,
  } satisfies Wire<Stripe.Subscription>;
}

/** Fields of features that the emulator does not offer. */
const unusedOfSubscription = {
  billing_cycle_anchor_config: null,
  billing_schedules: [] as never[],
  billing_thresholds: null,
  default_source: null,
  default_tax_rates: [] as never[],
  invoice_settings: {
    account_tax_ids: null,
    custom_fields: null,
    description: null,
    footer: null,
    issuer: { type: "self" },
  },
  managed_payments: null,
  next_pending_invoice_item_invoice: null,
  on_behalf_of: null,
  payment_settings: {
    payment_method_options: null,
    payment_method_types: null,
    save_default_payment_method: "off",
  },
  pending_invoice_item_interval: null,
  pending_setup_intent: null,
  pending_update: null,
  transfer_data: null,
  trial_settings: null,
} satisfies Wire<Stripe.Subscription>;

/** The period is on the items since API version 2025-03-31; the subscription itself has none. */
export function createSubscriptionItem(
  context: EmulatorContext,
  line: { readonly price: PriceObject; readonly quantity: number; readonly subscription: string },
) {
  const now = context.nowSeconds();
  return {
    id: context.createId("si"),
    object: "subscription_item",
    billing_thresholds: null,
    created: now,
    current_period_end: addInterval(now, line.price.recurring),
    current_period_start: now,
    current_trial: null,
    discounts: [] as string[],
    metadata: {} as Metadata,
    plan: createPlanObject(line.price),
    price: line.price,
    ...(line.price.recurring?.usage_type === "metered" ? {} : { quantity: line.quantity }),
    subscription: line.subscription,
    tax_rates: [] as never[],
  } satisfies Wire<Stripe.SubscriptionItem>;
}

export function wrapItems(subscription: string, items: SubscriptionItemObject[]) {
  return {
    object: "list" as const,
    data: items,
    has_more: false,
    url: `/v1/subscription_items?subscription=${subscription}`,
  };
}

/** The end of a period that starts at `seconds`; a month's end is clamped as in a calendar. */
function addInterval(seconds: number, recurring: PriceObject["recurring"]): number {
  const count = recurring?.interval_count ?? 1;
  const interval = recurring?.interval ?? "month";
  if (interval === "day" || interval === "week") return seconds + count * (interval === "week" ? 7 : 1) * 86_400;
  const months = interval === "year" ? count * 12 : count;
  const from = new Date(seconds * 1_000);
  const day = from.getUTCDate();
  const to = new Date(seconds * 1_000);
  to.setUTCDate(1);
  to.setUTCMonth(to.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(to.getUTCFullYear(), to.getUTCMonth() + 1, 0)).getUTCDate();
  to.setUTCDate(Math.min(day, lastDay));
  return Math.floor(to.getTime() / 1_000);
}
