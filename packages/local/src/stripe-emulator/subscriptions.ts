import type Stripe from "stripe";
import type { StripeApi } from "./api.ts";
import type { EmulatorContext } from "./context.ts";
import { requireCustomer } from "./customers.ts";
import { emitEvent } from "./events.ts";
import { createInvoice, settleInvoice } from "./invoice-changes.ts";
import { listPage, pageParams, passesCreated } from "./list-page.ts";
import { readMetadata } from "./metadata.ts";
import type { Params } from "./params.ts";
import { requirePrice } from "./prices.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";
import { cancelSubscription, changeSubscription, findSubscription } from "./subscription-changes.ts";
import {
  createSubscriptionItem,
  createSubscriptionObject,
  subscriptionStatuses,
  wrapItems,
  type SubscriptionInit,
  type SubscriptionItemObject,
  type SubscriptionObject,
} from "./subscription-object.ts";

const creatable = [
  "customer",
  "default_payment_method",
  "description",
  "expand",
  "items",
  "metadata",
  "trial_end",
  "trial_period_days",
] as const satisfies readonly (keyof Stripe.SubscriptionCreateParams)[];

const updatable = [
  "cancel_at_period_end",
  "default_payment_method",
  "expand",
  "items",
  "metadata",
  "pause_collection",
  "proration_behavior",
] as const satisfies readonly (keyof Stripe.SubscriptionUpdateParams)[];

const cancelParams = [
  "cancellation_details",
  "expand",
  "invoice_now",
  "prorate",
] as const satisfies readonly (keyof Stripe.SubscriptionCancelParams)[];

export function registerSubscriptions(api: StripeApi, context: EmulatorContext): void {
  api.post("/v1/subscriptions", (call) => createFromParams(context, call.params.accept(creatable)));
  api.get("/v1/subscriptions", (call) => listSubscriptions(context, call.params));
  api.get("/v1/subscriptions/:id", (call) => findSubscription(context, call.id));
  api.post("/v1/subscriptions/:id", (call) => updateSubscription(context, call.id, call.params.accept(updatable)));
  api.delete("/v1/subscriptions/:id", (call) => {
    call.params.accept(cancelParams);
    refuseCanceled(findSubscription(context, call.id));
    return cancelSubscription(context, call.id);
  });
}

/** A new subscription with its first invoice, paid unless it starts with a trial. */
export function startSubscription(context: EmulatorContext, init: SubscriptionInit): SubscriptionObject {
  const created = createSubscriptionObject(context, init);
  context.state.subscriptions.set(created.id, created);
  const invoice = createInvoice(context, created, "subscription_create");
  const subscription: SubscriptionObject = { ...created, latest_invoice: invoice.id };
  context.state.subscriptions.set(created.id, subscription);
  emitEvent(context, { type: "customer.subscription.created", object: subscription });
  settleInvoice(context, invoice.id, "paid");
  return subscription;
}

function createFromParams(context: EmulatorContext, params: Params): SubscriptionObject {
  const customer = requireCustomer(context, params).id;
  const prices = params.list("items").map((item) => {
    item.accept(["price", "quantity", "metadata"]);
    return { price: requirePrice(context, item), quantity: item.integer("quantity") ?? 1 };
  });
  if (prices.length === 0) throw params.missing("items");
  return startSubscription(context, {
    customer,
    prices,
    metadata: readMetadata(params),
    trialEnd: readTrialEnd(context, params),
    defaultPaymentMethod: params.text("default_payment_method"),
    description: params.text("description"),
  });
}

export function readTrialEnd(context: EmulatorContext, params: Params): number | undefined {
  const days = params.integer("trial_period_days");
  return days === undefined ? params.integer("trial_end") : context.nowSeconds() + days * 86_400;
}

function updateSubscription(context: EmulatorContext, id: string, params: Params): SubscriptionObject {
  const before = findSubscription(context, id);
  refuseCanceled(before);
  const change: Partial<SubscriptionObject> = {
    metadata: readMetadata(params, before.metadata),
    ...readCancelAtPeriodEnd(context, params, before),
    ...(params.has("default_payment_method")
      ? { default_payment_method: params.text("default_payment_method") ?? null }
      : {}),
    ...(params.has("items") ? { items: wrapItems(id, replaceItems(context, before, params.list("items"))) } : {}),
    ...readPauseCollection(params),
  };
  return changeSubscription(context, id, change);
}

function readCancelAtPeriodEnd(
  context: EmulatorContext,
  params: Params,
  before: SubscriptionObject,
): Partial<SubscriptionObject> {
  const atPeriodEnd = params.boolean("cancel_at_period_end");
  if (atPeriodEnd === undefined) return {};
  const end = before.items.data[0]?.current_period_end ?? context.nowSeconds();
  return {
    cancel_at_period_end: atPeriodEnd,
    cancel_at: atPeriodEnd ? end : null,
    canceled_at: atPeriodEnd ? context.nowSeconds() : null,
  };
}

function readPauseCollection(params: Params): Partial<SubscriptionObject> {
  if (params.raw("pause_collection") === "") return { pause_collection: null };
  const pause = params.object("pause_collection")?.accept(["behavior", "resumes_at"]);
  if (pause === undefined) return {};
  return {
    pause_collection: { behavior: pause.requireText("behavior"), resumes_at: pause.integer("resumes_at") ?? null },
  };
}

/** An item with an id changes or goes; one without is added. */
function replaceItems(
  context: EmulatorContext,
  before: SubscriptionObject,
  given: readonly Params[],
): SubscriptionItemObject[] {
  const items = new Map(before.items.data.map((item) => [item.id, item]));
  for (const params of given) {
    params.accept(["id", "price", "quantity", "deleted"]);
    const id = params.text("id");
    const current = id === undefined ? undefined : items.get(id);
    if (id !== undefined && current === undefined) {
      throw createMissingResource("subscription_item", id, params.name("id"));
    }
    if (id !== undefined && params.boolean("deleted") === true) {
      items.delete(id);
      continue;
    }
    const price = current === undefined || params.has("price") ? requirePrice(context, params) : current.price;
    const quantity = params.integer("quantity") ?? current?.quantity ?? 1;
    const fresh = createSubscriptionItem(context, { price, quantity, subscription: before.id });
    const kept = current === undefined ? {} : { id: current.id, created: current.created };
    items.set(current?.id ?? fresh.id, { ...fresh, ...kept });
  }
  return [...items.values()];
}

function listSubscriptions(context: EmulatorContext, params: Params): object {
  params.accept([...pageParams, "created", "customer", "price", "status"]);
  const customer = params.text("customer");
  const price = params.text("price");
  const status = params.choice("status", [...subscriptionStatuses, "all", "ended"]);
  const items = [...context.state.subscriptions.values()].filter(
    (subscription) =>
      passesCreated(params, subscription.created) &&
      (customer === undefined || subscription.customer === customer) &&
      (price === undefined || subscription.items.data.some((item) => item.price.id === price)) &&
      passesStatus(subscription.status, status),
  );
  return listPage({ url: "/v1/subscriptions", kind: "subscription", items }, params);
}

/** Without a status, Stripe lists all that are not canceled. */
function passesStatus(status: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return status !== "canceled";
  if (wanted === "ended") return status === "canceled" || status === "incomplete_expired";
  return wanted === "all" || status === wanted;
}

function refuseCanceled(subscription: SubscriptionObject): void {
  if (subscription.status !== "canceled") return;
  throw createInvalidRequest({
    status: 404,
    code: "resource_missing",
    param: "id",
    message: `No such subscription: '${subscription.id}'`,
    isSaved: true,
  });
}
