import { createStripeEmulator } from "@prego/local/stripe-emulator";
import Stripe from "stripe";

/** Signed events as Stripe would send them. */
export interface SignedEvents {
  bodies: string[];
  headersOfBody: Record<string, string>[];
}

/** Makes the events of one round; no two rounds share an event. */
export type WebhookMaker = (round: number, count: number) => SignedEvents;

export const PRICE = "price_bench";
const TENANTS = 500;

/** One row of a tenant and of its subscription. */
export interface PayingTenant {
  tenantId: string;
  customer: string;
  subscription: string;
}

export const payingTenants: readonly PayingTenant[] = Array.from({ length: TENANTS }, (_, index) => ({
  tenantId: `ten_paying_${index}`,
  customer: `cus_bench_${index}`,
  subscription: `sub_bench_${index}`,
}));

/** Of ten events five change a subscription, four report a payment and one is a checkout that makes a tenant. */
export async function createWebhookMaker(secret: string): Promise<WebhookMaker> {
  const { subscription, invoice, session } = await readTemplates();
  let nowSeconds = 0;
  const makeEvent = (name: string, index: number): object => {
    const { customer, subscription: id } = payingTenants[index % TENANTS] as PayingTenant;
    const renewed = fill(subscription, { customer, subscription: id });
    const created = nowSeconds - 200 + Math.floor(index / TENANTS);
    if (index % 10 === 9) {
      const own = { customer: `cus_${name}`, subscription: `sub_${name}` };
      const slug = name.replaceAll("_", "-");
      const object = { ...fill(session, own), id: `cs_${name}`, metadata: { slug, plan: "bench", region: "eu" } };
      return describeEvent(name, "checkout.session.completed", { created, object });
    }
    if (index % 2 === 1) {
      const object = fill(invoice, { customer, subscription: id });
      return describeEvent(name, "invoice.paid", { created, object });
    }
    const text = JSON.stringify(renewed).replace(/"current_period_end":\d+/g, `"current_period_end":${created + 1e6}`);
    return describeEvent(name, "customer.subscription.updated", { created, object: JSON.parse(text) as object });
  };
  return (round, count) => {
    // Each round is newer than the last one, as its events would be, and none is older than a signature may be.
    nowSeconds = Math.floor(Date.now() / 1_000) + round * 10;
    const timestamp = Math.floor(Date.now() / 1_000);
    const bodies = Array.from({ length: count }, (_, index) => JSON.stringify(makeEvent(`r${round}_e${index}`, index)));
    const headersOfBody = bodies.map((payload) => ({
      "stripe-signature": Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp }),
    }));
    return { bodies, headersOfBody };
  };
}

/** The objects of one paid checkout, with placeholders for whose they are. */
async function readTemplates(): Promise<Record<"subscription" | "invoice" | "session", string>> {
  const emulator = createStripeEmulator();
  emulator.seed({
    products: [{ id: "prod_bench", name: "Bench" }],
    prices: [{ id: PRICE, product: "prod_bench", currency: "usd", unit_amount: 100 }],
  });
  const order = { method: "POST", body: JSON.stringify({ price: PRICE }) };
  await emulator.fetch(new Request("http://stripe.test/_emulator/checkout", order));
  const [subscription] = emulator.state.subscriptions.values();
  const [invoice] = emulator.state.invoices.values();
  const [session] = emulator.state.checkoutSessions.values();
  if (subscription === undefined) throw new Error("the checkout made no subscription");
  const template = (object: object | undefined): string =>
    JSON.stringify(object).replaceAll(subscription.id, "SUBSCRIPTION").replaceAll(subscription.customer, "CUSTOMER");
  return { subscription: template(subscription), invoice: template(invoice), session: template(session) };
}

const fill = (template: string, of: { customer: string; subscription: string }): Record<string, unknown> =>
  JSON.parse(template.replaceAll("SUBSCRIPTION", of.subscription).replaceAll("CUSTOMER", of.customer)) as Record<
    string,
    unknown
  >;

const describeEvent = (name: string, type: string, of: { created: number; object: object }): object => ({
  id: `evt_${name}`,
  object: "event",
  api_version: "2026-10-28.endive",
  created: of.created,
  data: { object: of.object },
  livemode: false,
  pending_webhooks: 1,
  request: { id: null, idempotency_key: null },
  type,
});
