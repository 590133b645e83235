import { Hono } from "hono";
import { completeCheckout } from "./checkout-completion.ts";
import { createCheckoutSession } from "./checkout-sessions.ts";
import type { EmulatorContext, MeterHabits } from "./context.ts";
import { deliverPending, resendEvent } from "./delivery.ts";
import type { DeliveryHabits, WebhookEndpoint } from "./delivery-queue.ts";
import { emitEvent, type EventType } from "./events.ts";
import { readFaultPlan, type FaultBook } from "./faults.ts";
import { createInvoice, payInvoice, settleInvoice, type Settlement } from "./invoice-changes.ts";
import { Params } from "./params.ts";
import { seedState, type StripeSeed } from "./seed.ts";
import { describeState } from "./state-summary.ts";
import { createInvalidRequest } from "./stripe-failure.ts";
import { changeSubscription, findSubscription, moveSubscription } from "./subscription-changes.ts";
import { subscriptionStatuses, type SubscriptionObject } from "./subscription-object.ts";

interface CheckoutOrder {
  readonly session?: string;
  readonly price?: string;
  readonly quantity?: number;
  readonly metadata?: Record<string, string>;
  readonly email?: string;
  readonly name?: string;
}

interface SubscriptionStep {
  readonly status?: string;
  /** Opens the next invoice, sweeping pending invoice items, and settles it so. */
  readonly invoice?: Settlement;
  readonly cancel_at_period_end?: boolean;
}

/** The hand on the emulator: what customers, banks and time do to a Stripe account, and the faults. */
export function createControlRoutes(context: EmulatorContext, faults: FaultBook): Hono {
  const app = new Hono();
  app.get("/state", (c) => c.json(describeState(context)));
  app.post("/checkout", async (c) => c.json(payCheckout(context, await c.req.json<CheckoutOrder>())));
  app.post("/subscriptions/:id", async (c) =>
    c.json(stepSubscription(context, c.req.param("id"), await c.req.json<SubscriptionStep>())),
  );
  app.post("/invoices/:id/pay", (c) => c.json(payInvoice(context, c.req.param("id"))));
  app.post("/events", async (c) => {
    const { type, object } = await c.req.json<{ type: EventType; object: object }>();
    emitEvent(context, { type, object });
    return c.json({ event: [...context.state.events.keys()].at(-1) });
  });
  app.post("/faults", async (c) => {
    const plan = await readFaultPlan(c.req);
    if ("message" in plan) throw createInvalidRequest(plan);
    faults.plan(plan);
    return c.json({ planned: true });
  });
  app.post("/delivery", async (c) => {
    context.habits = { ...context.habits, ...(await c.req.json<Partial<DeliveryHabits>>()) };
    return c.json(context.habits);
  });
  app.post("/meters", async (c) => {
    context.meterHabits = { ...context.meterHabits, ...(await c.req.json<Partial<MeterHabits>>()) };
    return c.json(context.meterHabits);
  });
  app.post("/forget", (c) => {
    context.state.savedAnswers.clear();
    context.state.meterIdentifiers.clear();
    return c.json({ forgotten: true });
  });
  app.post("/endpoints", async (c) => {
    context.endpoints = (await c.req.json<{ endpoints: WebhookEndpoint[] }>()).endpoints;
    return c.json({ endpoints: context.endpoints.map((endpoint) => endpoint.url) });
  });
  app.post("/deliver", async (c) => {
    const order = await readOptional<{ all?: boolean; event?: string }>(c.req.raw);
    if (order.event !== undefined) resendEvent(context, order.event);
    return c.json(await deliverPending(context, order));
  });
  app.post("/seed", async (c) => {
    seedState(context, await c.req.json<StripeSeed>());
    return c.json(describeState(context).counts);
  });
  return app;
}

function payCheckout(context: EmulatorContext, order: CheckoutOrder): object {
  const id = order.session ?? openSession(context, order);
  const session = completeCheckout(context, id, { email: order.email, name: order.name });
  const { customer, subscription, invoice } = session;
  return { session: session.id, customer, subscription, invoice };
}

function openSession(context: EmulatorContext, order: CheckoutOrder): string {
  const line = { price: order.price ?? "", quantity: String(order.quantity ?? 1) };
  const params = new Params({
    mode: "subscription",
    success_url: "https://example.com/paid",
    line_items: { "0": line },
    metadata: order.metadata ?? {},
  });
  return createCheckoutSession(context, params).id;
}

function stepSubscription(context: EmulatorContext, id: string, step: SubscriptionStep): SubscriptionObject {
  const status = subscriptionStatuses.find((known) => known === step.status);
  if (step.status !== undefined && status === undefined) {
    throw createInvalidRequest({
      param: "status",
      message: `status must be one of ${subscriptionStatuses.join(", ")}`,
    });
  }
  if (step.cancel_at_period_end !== undefined) {
    changeSubscription(context, id, { cancel_at_period_end: step.cancel_at_period_end });
  }
  if (step.invoice !== undefined) {
    const invoice = createInvoice(context, findSubscription(context, id), "subscription_cycle");
    settleInvoice(context, invoice.id, step.invoice);
    changeSubscription(context, id, { latest_invoice: invoice.id });
  }
  return status === undefined ? findSubscription(context, id) : moveSubscription(context, id, status);
}

async function readOptional<Body extends object>(request: Request): Promise<Partial<Body>> {
  const text = await request.text();
  return text === "" ? {} : (JSON.parse(text) as Body);
}
