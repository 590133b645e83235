import Stripe from "stripe";
import { serveEmulator, type EmulatorServer } from "../emulator-server.ts";
import type { StripeEmulatorOptions } from "./context.ts";
import { createStripeEmulator, type StripeEmulator } from "./emulator.ts";

export const startMs = Date.UTC(2026, 10, 21);
export const webhookSecret = "whsec_test_of_the_emulator";

interface TestClock {
  ms: number;
}

export interface ReceivedWebhook {
  readonly body: string;
  readonly signature: string;
}

/** An emulator on loopback, the real client in front of it, and a webhook receiver behind it. */
export interface TestAccount {
  readonly emulator: StripeEmulator;
  readonly server: EmulatorServer;
  readonly stripe: Stripe;
  readonly clock: TestClock;
  readonly received: ReceivedWebhook[];
  /** Statuses that the receiver answers with, one for each delivery; 200 when used up. */
  readonly answers: number[];
  connect(config?: Stripe.StripeConfig): Stripe;
}

export async function openTestAccount(options: StripeEmulatorOptions = {}): Promise<TestAccount> {
  const clock: TestClock = { ms: startMs };
  const received: ReceivedWebhook[] = [];
  const answers: number[] = [];
  const receive = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(url, init);
    received.push({ body: await request.text(), signature: request.headers.get("stripe-signature") ?? "" });
    return new Response(null, { status: answers.shift() ?? 200 });
  };
  const emulator = createStripeEmulator({
    now: () => clock.ms,
    seed: 7,
    webhookEndpoints: [{ url: "http://app.test/webhooks/stripe", secret: webhookSecret }],
    fetch: receive,
    ...options,
  });
  const server = await serveEmulator(emulator);
  const connect = (config: Stripe.StripeConfig = {}) => connectStripe(server, "sk_test_local", config);
  return { emulator, server, stripe: connect(), clock, received, answers, connect };
}

export function connectStripe(server: EmulatorServer, key: string, config: Stripe.StripeConfig = {}): Stripe {
  return new Stripe(key, {
    host: "127.0.0.1",
    port: server.port,
    protocol: "http",
    httpClient: Stripe.createFetchHttpClient(),
    maxNetworkRetries: 0,
    telemetry: false,
    ...config,
  });
}

/** A product with one monthly price. */
export async function createPlanPrice(stripe: Stripe, unitAmount = 2_900): Promise<Stripe.Price> {
  const product = await stripe.products.create({ name: "Pro" });
  return await stripe.prices.create({
    product: product.id,
    currency: "usd",
    unit_amount: unitAmount,
    recurring: { interval: "month" },
  });
}

export async function createMeter(stripe: Stripe, eventName = "api_calls"): Promise<Stripe.Billing.Meter> {
  return await stripe.billing.meters.create({
    display_name: eventName,
    event_name: eventName,
    default_aggregation: { formula: "sum" },
  });
}

/** The types of the received webhooks, in the order of their arrival. */
export function readTypes(received: readonly ReceivedWebhook[]): string[] {
  return received.map((webhook) => (JSON.parse(webhook.body) as { type: string }).type);
}

/** Runs a call that must be refused and returns Stripe's error. */
export async function catchStripeError(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Stripe.errors.StripeError) return outcome;
  throw new Error(`expected a Stripe error, got ${String(outcome)}`);
}

/** A wait that the test ends, and a promise that tells when the call is in it. */
export function openGate(): { wait: () => Promise<void>; reached: Promise<void>; open: () => void } {
  const arrival = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  return {
    wait: async () => {
      arrival.resolve();
      await release.promise;
    },
    reached: arrival.promise,
    open: release.resolve,
  };
}
