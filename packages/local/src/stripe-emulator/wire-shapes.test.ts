import Stripe from "stripe";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestAccount, type TestAccount } from "./test-account.ts";
import { checkWire, type WireSample } from "./wire-check.ts";
import { takeSamples } from "./wire-samples.ts";

let account: TestAccount;
const samples: WireSample[] = [];

beforeAll(async () => {
  account = await openTestAccount();
  const noting: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const url = new URL(input instanceof Request ? input.url : input);
    if (response.ok) samples.push(...takeSamples(`${init?.method} ${url.pathname}`, await response.clone().json()));
    return response;
  };
  const stripe = account.connect({ httpClient: Stripe.createFetchHttpClient(noting) });
  await sellAndBill(stripe);
  await reportUsage(stripe);
  await endAll(stripe);
  await account.emulator.deliverPending();
  samples.push(
    ...account.received
      .map(({ body }) => JSON.parse(body) as { object: string })
      .filter(({ object }) => object === "event")
      .flatMap((event) => takeSamples("webhook", event)),
  );
});
afterAll(() => account.server.close());

const nameOf = (id: unknown): string => (typeof id === "string" ? id : "");

/** Catalogue, checkout, subscription, invoice items and invoices, each read back and listed. */
async function sellAndBill(stripe: Stripe): Promise<void> {
  const product = await stripe.products.create({
    name: "Pro",
    description: "d",
    unit_label: "seat",
    metadata: { a: "b" },
  });
  await stripe.products.retrieve(product.id);
  await stripe.products.list();
  const meter = await stripe.billing.meters.create({
    display_name: "Calls",
    event_name: "calls",
    default_aggregation: { formula: "sum" },
    event_time_window: "day",
  });
  const base = { product: product.id, currency: "usd" };
  const flat = await stripe.prices.create({
    ...base,
    unit_amount: 500,
    recurring: { interval: "month" },
    nickname: "n",
  });
  const metered = await stripe.prices.create({
    ...base,
    unit_amount_decimal: Stripe.Decimal.from("0.05"),
    recurring: { interval: "month", usage_type: "metered", meter: meter.id },
  });
  const once = await stripe.prices.create({ ...base, unit_amount: 100, lookup_key: "once" });
  await stripe.prices.list();
  const session = await stripe.checkout.sessions.create({
    mode: "subscription",
    success_url: "https://example.com/paid",
    line_items: [{ price: flat.id, quantity: 2 }],
    metadata: { slug: "s" },
    subscription_data: { metadata: { slug: "s" } },
  });
  await fetch(`${account.server.url}/_emulator/checkout`, {
    method: "POST",
    body: JSON.stringify({ session: session.id }),
  });
  const paid = await stripe.checkout.sessions.retrieve(session.id);
  await stripe.checkout.sessions.list();
  await stripe.checkout.sessions.listLineItems(session.id);
  const customer = nameOf(paid.customer);
  await stripe.customers.update(customer, { name: "N", phone: "1", description: "d" });
  await stripe.customers.list();
  await stripe.customers.listPaymentMethods(customer);
  await stripe.paymentMethods.list({ customer, type: "card" });
  const items = [{ price: flat.id }, { price: metered.id }];
  const second = await stripe.subscriptions.create({ customer, items, trial_period_days: 7, description: "d" });
  await stripe.subscriptions.update(second.id, { cancel_at_period_end: true });
  await stripe.subscriptions.update(second.id, { pause_collection: { behavior: "void" } });
  const subscription = nameOf(paid.subscription);
  await stripe.invoiceItems.create({ customer, amount: 7, currency: "usd", description: "d" });
  await stripe.invoiceItems.create({
    customer,
    pricing: { price: once.id },
    quantity_decimal: Stripe.Decimal.from("2.5"),
    subscription,
  });
  const step = { invoice: "payment_failed", status: "past_due" };
  await fetch(`${account.server.url}/_emulator/subscriptions/${subscription}`, {
    method: "POST",
    body: JSON.stringify(step),
  });
  await stripe.subscriptions.list({ expand: ["data.latest_invoice", "data.customer", "data.default_payment_method"] });
  await stripe.invoiceItems.list();
  const pending = await stripe.invoiceItems.create({ customer, amount: 7, currency: "usd" });
  await stripe.invoiceItems.del(pending.id);
  await stripe.invoices.list({ expand: ["data.customer"] });
  await stripe.invoiceItems.create({ customer, amount: 9, currency: "usd" });
  const manual = await stripe.invoices.create({
    customer,
    pending_invoice_items_behavior: "include",
    auto_advance: true,
  });
  await stripe.invoices.finalizeInvoice(manual.id);
  const open = (await stripe.invoices.list({ status: "open" })).data[0];
  if (open?.id !== undefined) await stripe.invoices.voidInvoice(open.id);
}

/** Meter events, their summaries, and the report of a bad one. */
async function reportUsage(stripe: Stripe): Promise<void> {
  const { data: meters } = await stripe.billing.meters.list();
  const customer = (await stripe.customers.create({ email: "u@example.com" })).id;
  const meter = meters[0]?.id ?? "";
  const timestamp = account.clock.ms / 1_000;
  await stripe.billing.meterEvents.create({
    event_name: "calls",
    payload: { stripe_customer_id: customer, value: "3" },
    timestamp,
  });
  await stripe.billing.meters.listEventSummaries(meter, { customer, start_time: timestamp, end_time: timestamp + 60 });
  await stripe.billing.meterEvents.create({
    event_name: "calls",
    payload: { stripe_customer_id: "cus_no", value: "3" },
  });
  await stripe.billing.meterEvents.create({
    event_name: "none",
    payload: { stripe_customer_id: customer, value: "3" },
  });
  await account.emulator.deliverPending();
  for (const id of account.emulator.state.thinEvents.keys()) await stripe.v2.core.events.retrieve(id);
  await stripe.billing.meters.deactivate(meter);
}

async function endAll(stripe: Stripe): Promise<void> {
  const { data } = await stripe.subscriptions.list();
  for (const { id } of data) await stripe.subscriptions.cancel(id);
  const customer = nameOf(data[0]?.customer);
  const method = (await stripe.customers.listPaymentMethods(customer)).data[0]?.id ?? "";
  await stripe.paymentMethods.detach(method);
  await stripe.customers.del(customer);
  await stripe.customers.retrieve(customer);
  await stripe.events.list({ limit: 100 });
}

test("every kind of object is among the samples, as answer and as the subject of an event", () => {
  const kinds = new Set(samples.map(({ type }) => type));
  expect(kinds.size).toBeGreaterThanOrEqual(18);
});

test("every answer and webhook is what the SDK's types say, field for field", async () => {
  expect((await checkWire(samples)).join("\n")).toEqual("");
});

test.each([
  ["a field that is missing", (body: Fields) => delete body["created"]],
  ["a null where none may be", (body: Fields) => (body["created"] = null)],
  ["a word that Stripe does not know", (body: Fields) => (body["tax_exempt"] = "some")],
  ["a field that Stripe does not have", (body: Fields) => (body["plan"] = "x")],
])("the check finds %s", async (_name, spoil) => {
  const sample = samples.find(({ type }) => type === "Stripe.Customer");
  const body = structuredClone(sample?.body) as Fields;
  spoil(body);
  expect(await checkWire([{ name: "spoilt", type: "Stripe.Customer", body }])).not.toEqual([]);
});

type Fields = Record<string, unknown>;
