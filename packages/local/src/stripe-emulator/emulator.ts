import { Hono } from "hono";
import type { StripeApi, StripeHandler } from "./api.ts";
import { createCheckoutPage } from "./checkout-page.ts";
import { registerCheckoutSessions } from "./checkout-sessions.ts";
import { createContext, type StripeEmulatorOptions } from "./context.ts";
import { createControlRoutes } from "./control-routes.ts";
import { registerCustomers } from "./customers.ts";
import { deliverPending, type DeliveryReport } from "./delivery.ts";
import type { DeliveryHabits, WebhookEndpoint } from "./delivery-queue.ts";
import { registerEvents } from "./event-routes.ts";
import { createFaultBook, type FaultPlan } from "./faults.ts";
import { createKeyBook } from "./idempotency.ts";
import { registerInvoiceItems } from "./invoice-items.ts";
import { registerInvoices } from "./invoices.ts";
import { registerMeterEvents } from "./meter-events.ts";
import { registerMeters } from "./meters.ts";
import { registerPaymentMethods } from "./payment-methods.ts";
import { registerPrices } from "./prices.ts";
import { registerProducts } from "./products.ts";
import { answerCall, type Pipeline } from "./request-pipeline.ts";
import { seedState, type StripeSeed } from "./seed.ts";
import { createState, restoreState, snapshotState, type StripeState } from "./state.ts";
import { createUnknownUrl, StripeFailure } from "./stripe-failure.ts";
import { registerSubscriptions } from "./subscriptions.ts";

export interface StripeEmulator {
  fetch(request: Request): Promise<Response>;
  /** Live, for tests to look at and to change behind the API's back. */
  readonly state: StripeState;
  setFaults(plan: FaultPlan): void;
  setDelivery(habits: Partial<DeliveryHabits>): void;
  setEndpoints(endpoints: readonly WebhookEndpoint[]): void;
  /** Sends what is due; with `all`, retries that still wait as well. */
  deliverPending(select?: { all?: boolean }): Promise<DeliveryReport>;
  seed(seed: StripeSeed): void;
  /** How many planned faults have struck. */
  countFaults(): number;
  snapshot(): string;
  restore(text: string): void;
}

export function createStripeEmulator(options: StripeEmulatorOptions = {}): StripeEmulator {
  const state = createState();
  const context = createContext(state, options);
  const faults = createFaultBook(context.seed, options.faults);
  const app = createApp({ context, faults, keys: createKeyBook(state), meterLocks: new Set() });
  return {
    fetch: async (request) => await app.fetch(request),
    state,
    setFaults: (plan) => faults.plan(plan),
    setDelivery: (habits) => {
      context.habits = { ...context.habits, ...habits };
    },
    setEndpoints: (endpoints) => {
      context.endpoints = endpoints;
    },
    deliverPending: (select) => deliverPending(context, select),
    seed: (seed) => seedState(context, seed),
    countFaults: () => faults.taken,
    snapshot: () => snapshotState(state),
    restore: (text) => restoreState(state, text),
  };
}

function createApp(pipeline: Pipeline): Hono {
  const app = new Hono();
  const { context } = pipeline;
  app.route("/_emulator", createControlRoutes(context, pipeline.faults));
  app.route("/c/pay", createCheckoutPage(context));
  const api = createApi(app, pipeline);
  for (const register of resources) register(api, context);
  app.notFound((c) => answerCall(pipeline, c.req.raw, refuseUrl(c.req.method), ""));
  app.onError((error, c) => {
    if (!(error instanceof StripeFailure)) throw error;
    return c.json(error.body, error.status as 400);
  });
  return app;
}

const resources = [
  registerCustomers,
  registerProducts,
  registerPrices,
  registerMeters,
  registerMeterEvents,
  registerInvoiceItems,
  registerInvoices,
  registerSubscriptions,
  registerCheckoutSessions,
  registerPaymentMethods,
  registerEvents,
];

function createApi(app: Hono, pipeline: Pipeline): StripeApi {
  const add = (method: "GET" | "POST" | "DELETE") => (path: string, handler: StripeHandler) => {
    app.on(method, path, (c) => {
      const id = c.req.param("id") ?? "";
      return answerCall(pipeline, c.req.raw, subresources.has(id) ? refuseUrl(method) : handler, id);
    });
  };
  const get = add("GET");
  return {
    get: (path, handler) =>
      get(
        path,
        path.endsWith("/:id") ? (call) => handler({ ...call, params: call.params.accept(["expand"]) }) : handler,
      ),
    post: add("POST"),
    delete: add("DELETE"),
  };
}

/** Paths of Stripe's that look like an id and are none. */
const subresources = new Set(["search", "create_preview", "upcoming"]);

const refuseUrl =
  (method: string): StripeHandler =>
  (call) => {
    throw createUnknownUrl(method, call.path);
  };
