import type Stripe from "stripe";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { catchStripeError, createPlanPrice, openTestAccount, readTypes, type TestAccount } from "./test-account.ts";

let account: TestAccount;
let stripe: Stripe;
let price: Stripe.Price;
let customer: string;

beforeEach(async () => {
  account = await openTestAccount();
  stripe = account.stripe;
  price = await createPlanPrice(stripe);
  customer = (await stripe.customers.create({ email: "s@example.com" })).id;
});

afterEach(() => account.server.close());

async function control(path: string, body: object): Promise<Response> {
  return await fetch(`${account.server.url}/_emulator/${path}`, { method: "POST", body: JSON.stringify(body) });
}

async function takeTypes(): Promise<string[]> {
  await account.emulator.deliverPending();
  return readTypes(account.received.splice(0));
}

function subscribe(): Promise<Stripe.Subscription> {
  return stripe.subscriptions.create({ customer, items: [{ price: price.id }], metadata: { tenant_id: "tn_1" } });
}

describe("a checkout", () => {
  test("completes as a paying customer would, with every object and event of it", async () => {
    const session = await stripe.checkout.sessions.create({
      mode: "subscription",
      line_items: [{ price: price.id, quantity: 1 }],
      metadata: { slug: "acme", plan: "pro", region: "eu", trace_id: "tr-1" },
      subscription_data: { metadata: { tenant_id: "tn_9" } },
      success_url: "http://app.test/done?session={CHECKOUT_SESSION_ID}",
    });
    expect(session).toMatchObject({
      status: "open",
      payment_status: "unpaid",
      amount_total: 2_900,
      subscription: null,
    });
    await takeTypes();

    const paid = await control("checkout", { session: session.id, email: "pay@example.com" });
    expect(paid.status).toBe(200);
    expect(await takeTypes()).toEqual([
      "customer.created",
      "payment_method.attached",
      "invoice.created",
      "customer.subscription.created",
      "invoice.finalized",
      "invoice.paid",
      "invoice.payment_succeeded",
      "checkout.session.completed",
    ]);
    const complete = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ["subscription", "customer", "line_items.data.price.product"],
    });
    expect(complete).toMatchObject({
      status: "complete",
      payment_status: "paid",
      metadata: { slug: "acme", plan: "pro", region: "eu", trace_id: "tr-1" },
      customer: { email: "pay@example.com" },
      subscription: { status: "active", metadata: { tenant_id: "tn_9" } },
      line_items: { data: [{ price: { product: { name: "Pro" } } }] },
    });
    const again = await control("checkout", { session: session.id });
    expect(again.status).toBe(400);
  });

  test("can be made and paid in one step", async () => {
    const paid = await control("checkout", { price: price.id, metadata: { slug: "one" } });
    const { subscription } = JSON.parse(await paid.text()) as { subscription: string };
    const found = await stripe.subscriptions.retrieve(subscription);
    expect(found.items.data[0]?.price.id).toBe(price.id);
  });

  test("has a page that pays and goes back to the application", async () => {
    const session = await stripe.checkout.sessions.create({
      mode: "subscription",
      line_items: [{ price: price.id, quantity: 1 }],
      success_url: "http://app.test/done?session={CHECKOUT_SESSION_ID}",
    });
    const page = `${account.server.url}/c/pay/${session.id}`;
    expect(await (await fetch(page)).text()).toContain("Pay with the test card");
    const paid = await fetch(page, { method: "POST", redirect: "manual" });
    expect(paid.status).toBe(303);
    expect(paid.headers.get("location")).toBe(`http://app.test/done?session=${session.id}`);
  });

  test("refuses a price that does not exist and a one-time price", async () => {
    const open = (id: string) =>
      stripe.checkout.sessions.create({
        mode: "subscription",
        line_items: [{ price: id }],
        success_url: "http://a.test",
      });
    expect(await catchStripeError(open("price_none"))).toMatchObject({ param: "line_items[0][price]" });
    const once = await stripe.prices.create({ currency: "usd", unit_amount: 5, product_data: { name: "once" } });
    expect((await catchStripeError(open(once.id))).message).toContain("recurring");
  });
});

describe("a subscription", () => {
  test("has its period on the items and its first invoice paid", async () => {
    const subscription = await subscribe();
    const [item] = subscription.items.data;
    expect(subscription).not.toHaveProperty("current_period_end");
    expect(new Date((item?.current_period_end ?? 0) * 1_000).toISOString()).toBe("2026-12-21T00:00:00.000Z");
    const invoice = await stripe.invoices.retrieve(subscription.latest_invoice as string);
    expect(invoice).toMatchObject({ status: "paid", amount_paid: 2_900, billing_reason: "subscription_create" });
    expect(invoice.parent?.subscription_details).toMatchObject({
      subscription: subscription.id,
      metadata: { tenant_id: "tn_1" },
    });
  });

  test.each([
    ["past_due", ["customer.subscription.updated"]],
    ["unpaid", ["customer.subscription.updated"]],
    ["paused", ["customer.subscription.updated", "customer.subscription.paused"]],
    ["canceled", ["customer.subscription.deleted"]],
  ])("moves to %s with its events", async (status, types) => {
    const subscription = await subscribe();
    await takeTypes();
    await control(`subscriptions/${subscription.id}`, { status });
    expect(await takeTypes()).toEqual(types);
    expect(await stripe.subscriptions.retrieve(subscription.id)).toMatchObject({ status });
  });

  test("resumes from a pause with its events", async () => {
    const subscription = await subscribe();
    await control(`subscriptions/${subscription.id}`, { status: "paused" });
    await takeTypes();
    await control(`subscriptions/${subscription.id}`, { status: "active" });
    expect(await takeTypes()).toEqual(["customer.subscription.updated", "customer.subscription.resumed"]);
  });

  test("takes a failed and then a paid invoice, with pending items on the first one only", async () => {
    const subscription = await subscribe();
    const item = await stripe.invoiceItems.create({ customer, amount: 500, currency: "usd" });
    await takeTypes();
    await control(`subscriptions/${subscription.id}`, { invoice: "payment_failed", status: "past_due" });
    expect(await takeTypes()).toEqual([
      "invoice.created",
      "invoice.finalized",
      "invoice.payment_failed",
      "customer.subscription.updated",
      "customer.subscription.updated",
    ]);
    await control(`subscriptions/${subscription.id}`, { invoice: "paid", status: "active" });
    const invoices = await stripe.invoices.list({ subscription: subscription.id });
    expect(invoices.data.map((invoice) => [invoice.status, invoice.amount_due])).toEqual([
      ["paid", 2_900],
      ["open", 3_400],
      ["paid", 2_900],
    ]);
    expect(await stripe.invoiceItems.retrieve(item.id)).toMatchObject({ invoice: invoices.data[1]?.id });
    const failed = invoices.data[1]?.id ?? "";
    expect((await control(`invoices/${failed}/pay`, {})).status).toBe(200);
    expect((await control(`invoices/${failed}/pay`, {})).status).toBe(400);
  });

  test("changes its price in place and is listed by it", async () => {
    const subscription = await subscribe();
    const bigger = await createPlanPrice(stripe, 9_900);
    const itemId = subscription.items.data[0]?.id as string;
    await takeTypes();
    const changed = await stripe.subscriptions.update(subscription.id, { items: [{ id: itemId, price: bigger.id }] });
    expect(changed.items.data.map((item) => [item.id, item.price.id])).toEqual([[itemId, bigger.id]]);
    expect(await takeTypes()).toEqual(["customer.subscription.updated"]);
    expect((await stripe.subscriptions.list({ price: bigger.id })).data).toHaveLength(1);
    expect((await stripe.subscriptions.list({ price: price.id })).data).toHaveLength(0);
  });

  test("leaves the default list when it is canceled, and cannot be canceled twice", async () => {
    const subscription = await subscribe();
    expect(await stripe.subscriptions.cancel(subscription.id)).toMatchObject({ status: "canceled" });
    expect((await stripe.subscriptions.list({ customer })).data).toEqual([]);
    expect((await stripe.subscriptions.list({ customer, status: "all" })).data).toHaveLength(1);
    const error = await catchStripeError(stripe.subscriptions.cancel(subscription.id));
    expect(error).toMatchObject({ statusCode: 404, code: "resource_missing" });
  });
});

describe("the purge of a customer", () => {
  test("voids open invoices only and detaches the card once", async () => {
    const paid = await control("checkout", { price: price.id });
    const { customer: payer, subscription } = JSON.parse(await paid.text()) as {
      customer: string;
      subscription: string;
    };
    await control(`subscriptions/${subscription}`, { invoice: "open" });
    const [open, first] = (await stripe.invoices.list({ customer: payer })).data;
    expect(await stripe.invoices.voidInvoice(open?.id as string)).toMatchObject({ status: "void" });
    expect(await catchStripeError(stripe.invoices.voidInvoice(first?.id as string))).toMatchObject({ statusCode: 400 });

    const [card] = (await stripe.customers.listPaymentMethods(payer)).data;
    expect(await stripe.paymentMethods.detach(card?.id as string)).toMatchObject({ customer: null });
    expect((await stripe.paymentMethods.list({ customer: payer })).data).toEqual([]);
    expect(await catchStripeError(stripe.paymentMethods.detach(card?.id as string))).toMatchObject({ statusCode: 400 });
  });
});
