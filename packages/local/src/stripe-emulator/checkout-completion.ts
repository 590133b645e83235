import type { CheckoutSessionObject } from "./checkout-session-object.ts";
import { findCheckoutSession } from "./checkout-sessions.ts";
import type { EmulatorContext } from "./context.ts";
import { createCustomer } from "./customers.ts";
import { emitEvent } from "./events.ts";
import { Params } from "./params.ts";
import { attachCard } from "./payment-methods.ts";
import { createInvalidRequest } from "./stripe-failure.ts";
import { startSubscription } from "./subscriptions.ts";

/** What `subscription_data` of a session asks for when it completes. */
export interface CheckoutPlan {
  readonly metadata: Record<string, string>;
  readonly trialEnd: number | null;
}

export interface Payer {
  readonly email?: string | undefined;
  readonly name?: string | undefined;
}

const unusedOfPayer = {
  address: null,
  business_name: null,
  individual_name: null,
  phone: null,
  tax_exempt: "none",
  tax_ids: [] as never[],
};

/** Pays an open session: customer, card, subscription, first invoice, and the events of all of them. */
export function completeCheckout(context: EmulatorContext, id: string, payer: Payer): CheckoutSessionObject {
  const session = findCheckoutSession(context, id);
  if (session.status !== "open") {
    throw createInvalidRequest({ message: `This Checkout Session is ${session.status}.`, isSaved: true });
  }
  const email = payer.email ?? session.customer_email ?? "customer@example.com";
  const name = payer.name ?? null;
  const customer = session.customer ?? createPayer(context, { email, ...(name === null ? {} : { name }) });
  const card = attachCard(context, customer, email);
  const lines = context.state.checkoutLineItems.get(id)?.data ?? [];
  const plan = context.state.checkoutPlans.get(id);
  const subscription = startSubscription(context, {
    customer,
    prices: lines.map((line) => ({ price: line.price, quantity: line.quantity ?? 0 })),
    metadata: plan?.metadata ?? {},
    trialEnd: plan?.trialEnd ?? undefined,
    defaultPaymentMethod: card.id,
  });
  const complete: CheckoutSessionObject = {
    ...session,
    customer,
    customer_details: { ...unusedOfPayer, email, name },
    invoice: subscription.latest_invoice,
    payment_status: "paid",
    status: "complete",
    subscription: subscription.id,
    url: null,
  };
  context.state.checkoutSessions.set(id, complete);
  emitEvent(context, { type: "checkout.session.completed", object: complete });
  return complete;
}

function createPayer(context: EmulatorContext, values: Record<string, string>): string {
  return createCustomer(context, new Params(values)).id;
}
