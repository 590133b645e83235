import type Stripe from "stripe";
import type { StripeApi } from "./api.ts";
import { createCheckoutSessionObject, createLineItems, type CheckoutSessionObject } from "./checkout-session-object.ts";
import type { EmulatorContext } from "./context.ts";
import { requireCustomer } from "./customers.ts";
import { emitEvent } from "./events.ts";
import { listPage, pageParams, passesCreated } from "./list-page.ts";
import { readMetadata } from "./metadata.ts";
import type { Params } from "./params.ts";
import { requirePrice, type PriceObject } from "./prices.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";
import { readTrialEnd } from "./subscriptions.ts";

const lifeSeconds = 24 * 60 * 60;

const writable = [
  "allow_promotion_codes",
  "billing_address_collection",
  "cancel_url",
  "client_reference_id",
  "customer",
  "customer_email",
  "expand",
  "expires_at",
  "line_items",
  "locale",
  "metadata",
  "mode",
  "subscription_data",
  "success_url",
] as const satisfies readonly (keyof Stripe.Checkout.SessionCreateParams)[];

export function registerCheckoutSessions(api: StripeApi, context: EmulatorContext): void {
  api.post("/v1/checkout/sessions", (call) => createCheckoutSession(context, call.params.accept(writable)));
  api.get("/v1/checkout/sessions", (call) => listCheckoutSessions(context, call.params));
  api.get("/v1/checkout/sessions/:id", (call) => findCheckoutSession(context, call.id));
  api.get("/v1/checkout/sessions/:id/line_items", (call) => {
    const session = findCheckoutSession(context, call.id);
    const items = (context.state.checkoutLineItems.get(session.id)?.data ?? []).toReversed();
    return listPage({ url: call.path, kind: "line item", items }, call.params.accept(pageParams));
  });
  api.post("/v1/checkout/sessions/:id/expire", (call) => expireSession(context, call.id));
}

export function findCheckoutSession(context: EmulatorContext, id: string): CheckoutSessionObject {
  const session = context.state.checkoutSessions.get(id);
  if (session === undefined) throw createMissingResource("checkout.session", id);
  return session;
}

export function createCheckoutSession(context: EmulatorContext, params: Params): CheckoutSessionObject {
  if (params.requireText("mode") !== "subscription") {
    throw createInvalidRequest({ param: "mode", message: "Only mode=subscription is offered here." });
  }
  const lines = params.list("line_items").map((line, index) => {
    line.accept(["price", "quantity"]);
    const price = requireRecurring(requirePrice(context, line), line);
    return { price, quantity: readQuantity(price, line, `line_items[${index}]`) };
  });
  if (lines.length === 0) throw params.missing("line_items");
  const data = params
    .object("subscription_data")
    ?.accept(["metadata", "description", "trial_period_days", "trial_end"]);
  const id = context.createId("cs_test");
  const init = {
    id,
    url: `${context.options.publicUrl ?? "https://checkout.stripe.com"}/c/pay/${id}`,
    lines,
    metadata: readMetadata(params),
    customer: params.has("customer") ? requireCustomer(context, params).id : null,
    customerEmail: params.text("customer_email") ?? null,
    clientReferenceId: params.text("client_reference_id") ?? null,
    successUrl: params.requireText("success_url"),
    cancelUrl: params.text("cancel_url") ?? null,
    expiresAt: params.integer("expires_at") ?? context.nowSeconds() + lifeSeconds,
  };
  const session = createCheckoutSessionObject(context, init);
  context.state.checkoutSessions.set(id, session);
  context.state.checkoutLineItems.set(id, createLineItems(context, init));
  context.state.checkoutPlans.set(id, {
    metadata: data === undefined ? {} : readMetadata(data),
    trialEnd: data === undefined ? null : (readTrialEnd(context, data) ?? null),
  });
  return session;
}

function requireRecurring<Price extends { readonly recurring: object | null }>(price: Price, line: Params): Price {
  if (price.recurring !== null) return price;
  throw createInvalidRequest({
    param: line.name("price"),
    message: "You must provide at least one recurring price in `subscription` mode when using prices.",
  });
}

/** Usage is the quantity of a metered price, so only a licensed one takes a quantity, and must have it. */
function readQuantity(price: PriceObject, line: Params, item: string): number | null {
  const quantity = line.integer("quantity") ?? null;
  const isMetered = price.recurring?.usage_type === "metered";
  if (isMetered === (quantity === null)) return quantity;
  const message = isMetered
    ? `Quantity should not be specified where usage_type is \`metered\`. Remove quantity from \`${item}\``
    : `Quantity is required. Add \`quantity\` to \`${item}\``;
  throw createInvalidRequest({ param: line.name("quantity"), message });
}

function listCheckoutSessions(context: EmulatorContext, params: Params): object {
  params.accept([...pageParams, "created", "customer", "status", "subscription"]);
  const customer = params.text("customer");
  const subscription = params.text("subscription");
  const status = params.choice("status", ["open", "complete", "expired"]);
  const items = [...context.state.checkoutSessions.values()].filter(
    (session) =>
      passesCreated(params, session.created) &&
      (customer === undefined || session.customer === customer) &&
      (subscription === undefined || session.subscription === subscription) &&
      (status === undefined || session.status === status),
  );
  return listPage({ url: "/v1/checkout/sessions", kind: "checkout.session", items }, params);
}

function expireSession(context: EmulatorContext, id: string): CheckoutSessionObject {
  const session = findCheckoutSession(context, id);
  if (session.status !== "open") {
    throw createInvalidRequest({
      message: "Only Checkout Sessions with a status of open can be expired.",
      isSaved: true,
    });
  }
  const expired: CheckoutSessionObject = { ...session, status: "expired", url: null };
  context.state.checkoutSessions.set(id, expired);
  emitEvent(context, { type: "checkout.session.expired", object: expired });
  return expired;
}
