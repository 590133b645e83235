import type Stripe from "stripe";
import type { StripeApi } from "./api.ts";
import type { EmulatorContext } from "./context.ts";
import { emitEvent } from "./events.ts";
import { listPage, pageParams } from "./list-page.ts";
import type { Params } from "./params.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";
import type { Wire } from "./wire.ts";

export type PaymentMethodObject = ReturnType<typeof createPaymentMethodObject>;

export function registerPaymentMethods(api: StripeApi, context: EmulatorContext): void {
  api.get("/v1/payment_methods", (call) => listPaymentMethods(context, call.params, call.path));
  api.get("/v1/payment_methods/:id", (call) => findPaymentMethod(context, call.id));
  api.get("/v1/customers/:id/payment_methods", (call) => {
    if (!context.state.customers.has(call.id)) throw createMissingResource("customer", call.id);
    return listPaymentMethods(context, call.params, call.path, call.id);
  });
  api.post("/v1/payment_methods/:id/detach", (call) => detachPaymentMethod(context, call.id));
}

/** The card with which a customer pays a checkout. */
export function attachCard(context: EmulatorContext, customer: string, email: string | null): PaymentMethodObject {
  const method = createPaymentMethodObject(context, customer, email);
  context.state.paymentMethods.set(method.id, method);
  emitEvent(context, { type: "payment_method.attached", object: method });
  return method;
}

const visa4242 = {
  brand: "visa",
  checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: "pass" },
  country: "US",
  display_brand: "visa",
  exp_month: 12,
  exp_year: 2034,
  fingerprint: "emulator4242",
  funding: "credit",
  generated_from: null,
  last4: "4242",
  networks: { available: ["visa"], preferred: null },
  regulated_status: "unregulated",
  three_d_secure_usage: { supported: true },
  wallet: null,
};

function createPaymentMethodObject(context: EmulatorContext, customer: string, email: string | null) {
  return {
    id: context.createId("pm"),
    object: "payment_method",
    allow_redisplay: "limited",
    billing_details: { address: null, email, name: null, phone: null, tax_id: null },
    card: visa4242,
    created: context.nowSeconds(),
    customer: customer as string | null,
    customer_account: null,
    livemode: false,
    metadata: {} as Record<string, string>,
    type: "card",
  } satisfies Wire<Stripe.PaymentMethod>;
}

function listPaymentMethods(context: EmulatorContext, params: Params, url: string, owner?: string): object {
  params.accept(owner === undefined ? [...pageParams, "customer", "type"] : [...pageParams, "type"]);
  const customer = owner ?? params.text("customer");
  const type = params.text("type");
  // Without a customer Stripe lists nothing that is attached to one.
  const items = [...context.state.paymentMethods.values()].filter(
    (method) => customer !== undefined && method.customer === customer && (type === undefined || method.type === type),
  );
  return listPage({ url, kind: "payment_method", items }, params);
}

function detachPaymentMethod(context: EmulatorContext, id: string): PaymentMethodObject {
  const before = findPaymentMethod(context, id);
  if (before.customer === null) {
    throw createInvalidRequest({
      message: "The payment method you provided is not attached to a customer so detachment is impossible.",
      isSaved: true,
    });
  }
  const detached: PaymentMethodObject = { ...before, customer: null };
  context.state.paymentMethods.set(id, detached);
  emitEvent(context, { type: "payment_method.detached", object: detached, previous: { customer: before.customer } });
  return detached;
}

function findPaymentMethod(context: EmulatorContext, id: string): PaymentMethodObject {
  const method = context.state.paymentMethods.get(id);
  if (method === undefined) throw createMissingResource("PaymentMethod", id);
  return method;
}
