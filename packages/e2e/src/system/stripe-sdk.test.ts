import { LOCAL_SECRETS } from "@prego/local/stack";
import Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startStripeStack, type StripeStack } from "./stripe-stack-test-kit.ts";
import { notOffered } from "./stripe-urls.ts";

let emulator: StripeStack["emulator"];
let server: StripeStack["server"];
let stack: StripeStack["stack"];
let postInternal: StripeStack["post"];
let close: StripeStack["close"];
let stripe: Stripe;

beforeAll(async () => {
  ({ emulator, server, stack, post: postInternal, close } = await startStripeStack());
  stripe = connect(LOCAL_SECRETS.STRIPE_SECRET_KEY);
});
afterAll(() => close());

/** The SDK as its users make it, with nothing but the address changed. */
const connect = (key: string): Stripe =>
  new Stripe(key, { host: "127.0.0.1", port: server.port, protocol: "http", maxNetworkRetries: 0 });

const pay = (session: string): Promise<Response> =>
  fetch(`${server.url}/_emulator/checkout`, {
    method: "POST",
    body: JSON.stringify({ session, email: "ada@x.example" }),
  });

/** The SDK's error of a call that must be refused. */
async function refusalOf(call: Promise<unknown>): Promise<Partial<Stripe.errors.StripeError>> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Stripe.errors.StripeError);
  const { type, rawType, code, param, statusCode } = error as Stripe.errors.StripeError;
  return { type, rawType, code, param, statusCode } as Partial<Stripe.errors.StripeError>;
}

describe("the official SDK pointed at the local stack", () => {
  test("makes a catalogue and a checkout, and the paid checkout becomes a tenant", async () => {
    const meter = await stripe.billing.meters.create({
      display_name: "Renders",
      event_name: "renders",
      default_aggregation: { formula: "sum" },
    });
    const product = await stripe.products.create({ name: "Studio" });
    const flat = await stripe.prices.create({
      product: product.id,
      currency: "usd",
      unit_amount: 4_900,
      recurring: { interval: "month" },
    });
    const metered = await stripe.prices.create({
      product: product.id,
      currency: "usd",
      unit_amount_decimal: Stripe.Decimal.from("0.05"),
      recurring: { interval: "month", usage_type: "metered", meter: meter.id },
    });
    expect(metered).toMatchObject({ recurring: { meter: meter.id, usage_type: "metered" }, unit_amount: null });
    const plan = { plan_id: "studio", name: "Studio", currency: "usd", billing_mode: "invoice_item", meters: [] };
    expect((await postInternal("/internal/plans", { ...plan, stripe_price_id: flat.id })).status).toBe(201);

    const customer = await stripe.customers.create({ email: "ada@x.example", name: "Ada" });
    const metadata = { slug: "sdk-studio", plan: "studio", region: "eu", trace_id: "trace_sdk" };
    const session = await stripe.checkout.sessions.create({
      mode: "subscription",
      customer: customer.id,
      line_items: [{ price: flat.id, quantity: 1 }, { price: metered.id }],
      success_url: "https://studio.example/welcome",
      metadata,
      subscription_data: { metadata },
    });
    expect(session).toMatchObject({ status: "open", payment_status: "unpaid", customer: customer.id, metadata });
    expect((await pay(session.id)).status).toBe(200);
    expect((await emulator.deliverPending()).failed).toBe(0);

    const paid = await stripe.checkout.sessions.retrieve(session.id, { expand: ["subscription", "customer"] });
    const subscription = paid.subscription as Stripe.Subscription;
    expect(paid).toMatchObject({ status: "complete", payment_status: "paid", customer: { id: customer.id } });
    expect(await stripe.subscriptions.retrieve(subscription.id)).toMatchObject({ status: "active", metadata });
    expect((await stripe.customers.listPaymentMethods(customer.id)).data).toMatchObject([{ type: "card" }]);
    const { DB } = await stack.bindings();
    expect(await DB.prepare("SELECT * FROM tenants_master WHERE slug = 'sdk-studio'").first()).toMatchObject({
      plan_id: "studio",
      status: "Provisioning",
      stripe_customer_id: customer.id,
      stripe_subscription_id: subscription.id,
      subscription_status: "active",
    });
  });

  test("ends a subscription and makes another one for the customer: the tenant comes back with it", async () => {
    const { DB } = await stack.bindings();
    const find = () =>
      DB.prepare("SELECT * FROM tenants_master WHERE slug = 'sdk-studio'").first<Record<string, string | null>>();
    const before = await find();
    const customer = before?.["stripe_customer_id"] ?? "";
    const first = await stripe.subscriptions.retrieve(before?.["stripe_subscription_id"] ?? "");
    await stripe.subscriptions.cancel(first.id);
    expect((await emulator.deliverPending()).failed).toBe(0);
    expect(await find()).toMatchObject({ status: "Pending_Deletion", purge_after: expect.any(String) });
    const price = first.items.data[0]?.price.id ?? "";
    const next = await stripe.subscriptions.create({ customer, items: [{ price }] });
    expect((await emulator.deliverPending()).failed).toBe(0);
    expect(await find()).toMatchObject({
      status: "Provisioning",
      purge_after: null,
      stripe_subscription_id: next.id,
      subscription_status: "active",
    });
  });

  test("sends usage and charges, and reads both back", async () => {
    const customer = (await stripe.customers.create({ email: "grace@x.example" })).id;
    const { data } = await stripe.billing.meters.list({ status: "active" });
    const minute = Math.floor(Date.now() / 60_000) * 60 - 60;
    const event = { event_name: "renders", identifier: "r-1", timestamp: minute + 1 };
    const payload = { stripe_customer_id: customer, value: "25" };
    expect(await stripe.billing.meterEvents.create({ ...event, payload })).toMatchObject({
      identifier: "r-1",
      payload,
    });
    expect(await refusalOf(stripe.billing.meterEvents.create({ ...event, payload }))).toMatchObject({
      statusCode: 400,
    });
    const range = { customer, start_time: minute, end_time: minute + 60 };
    const summaries = await stripe.billing.meters.listEventSummaries(data[0]?.id ?? "", range);
    expect(summaries.data).toMatchObject([{ aggregated_value: 25, meter: data[0]?.id }]);

    const item = await stripe.invoiceItems.create({
      customer,
      amount: 1_234,
      currency: "usd",
      metadata: { cycle: "c" },
    });
    expect(await stripe.invoiceItems.retrieve(item.id)).toMatchObject({ amount: 1_234, metadata: { cycle: "c" } });
    const pending = await stripe.invoiceItems.list({ customer, pending: true }).autoPagingToArray({ limit: 10 });
    expect(pending.map(({ id }) => id)).toEqual([item.id]);
  });

  test.each([
    ["a missing parameter", () => stripe.products.create({} as never), "parameter_missing", "name", 400],
    ["an unknown one", () => stripe.customers.create({ colour: "x" } as never), "parameter_unknown", "colour", 400],
    [
      "an unknown one, deeper",
      () =>
        stripe.prices.create({ currency: "usd", unit_amount: 1, recurring: { interval: "month", colour: 1 } } as never),
      "parameter_unknown",
      "recurring[colour]",
      400,
    ],
    ["a wrong id in the path", () => stripe.customers.retrieve("cus_no"), "resource_missing", "id", 404],
    ["a wrong price in the path", () => stripe.prices.retrieve("price_no"), "resource_missing", "price", 404],
    [
      "a wrong id in a parameter",
      () => stripe.invoiceItems.create({ customer: "cus_no", amount: 1, currency: "usd" }),
      "resource_missing",
      "customer",
      400,
    ],
    [
      "a wrong id in a list",
      () =>
        stripe.checkout.sessions.create({
          mode: "subscription",
          success_url: "https://x.example",
          line_items: [{ price: "price_no" }],
        }),
      "resource_missing",
      "line_items[0][price]",
      400,
    ],
    [
      "a number that is none",
      () => stripe.customers.list({ limit: "x" as never }),
      "parameter_invalid_integer",
      "limit",
      400,
    ],
  ])("throws for %s what it throws with Stripe", async (_name, call, ...expected) => {
    const { type, rawType, code, param, statusCode } = await refusalOf(call());
    expect([type, rawType]).toEqual(["StripeInvalidRequestError", "invalid_request_error"]);
    expect([code, param, statusCode]).toEqual(expected);
  });

  test("throws its authentication error for a wrong key", async () => {
    const error = await refusalOf(connect("sk_test_wrong").customers.list());
    expect(error).toMatchObject({
      type: "StripeAuthenticationError",
      rawType: "invalid_request_error",
      statusCode: 401,
    });
    expect(error.code).toBeUndefined();
  });

  test("throws its idempotency error for a key with other parameters, or at another endpoint", async () => {
    const options = { idempotencyKey: "sdk-key" };
    const first = await stripe.customers.create({ name: "one" }, options);
    expect((await stripe.customers.create({ name: "one" }, options)).id).toBe(first.id);
    const expected = { type: "StripeIdempotencyError", rawType: "idempotency_error", statusCode: 400 };
    expect(await refusalOf(stripe.customers.create({ name: "two" }, options))).toMatchObject(expected);
    expect(await refusalOf(stripe.products.create({ name: "one" }, options))).toMatchObject(expected);
  });
});

test.each(notOffered)(
  "%s %s is refused as a URL that Stripe does not know, not answered with nothing",
  async (method, path) => {
    const answer = await fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${LOCAL_SECRETS.STRIPE_SECRET_KEY}` },
    });
    expect(answer.status).toBe(404);
    const message = expect.stringMatching(/^Unrecognized request URL /);
    expect(await answer.json()).toEqual({ error: { type: "invalid_request_error", message } });
  },
);
