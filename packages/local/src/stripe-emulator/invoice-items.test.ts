import Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { catchStripeError, createPlanPrice, openTestAccount, type TestAccount } from "./test-account.ts";

let account: TestAccount;
let stripe: Stripe;
let customer: string;

beforeAll(async () => {
  account = await openTestAccount();
  stripe = account.stripe;
  customer = (await stripe.customers.create({})).id;
});

afterAll(() => account.server.close());

describe("invoice items", () => {
  test("keep amount, period and metadata, and are found by customer", async () => {
    const other = await stripe.customers.create({});
    await stripe.invoiceItems.create({ customer: other.id, amount: 1, currency: "usd" });
    const item = await stripe.invoiceItems.create({
      customer,
      amount: 1_234,
      currency: "USD",
      description: "API calls, October",
      period: { start: 1_790_812_800, end: 1_793_491_200 },
      metadata: { cycle: "2026-10", meter_key: "api_calls" },
    });
    expect(item).toMatchObject({ amount: 1_234, currency: "usd", invoice: null, proration: false });
    const found = await stripe.invoiceItems.list({ customer, pending: true });
    expect(found.data.map((listed) => listed.id)).toEqual([item.id]);
    expect(found.data[0]).toMatchObject({ metadata: { cycle: "2026-10" }, period: { start: 1_790_812_800 } });
  });

  test.each([
    ["0.05", "3", 0],
    ["0.5", "1", 1],
    ["0.333333333333", "3", 1],
    ["0.000000000001", "500000000000", 1],
    ["-0.5", "1", -1],
    ["12.345", "1000.5", 12_351],
  ])("round rate %s times quantity %s once, half away from zero, to %i", async (rate, quantity, amount) => {
    const item = await stripe.invoiceItems.create({
      customer,
      currency: "usd",
      unit_amount_decimal: Stripe.Decimal.from(rate),
      quantity_decimal: Stripe.Decimal.from(quantity),
    });
    expect(item.amount).toBe(amount);
    expect(item.quantity_decimal.toString()).toBe(quantity);
  });

  test("take a price or price data", async () => {
    const price = await createPlanPrice(stripe, 700);
    const priced = await stripe.invoiceItems.create({ customer, pricing: { price: price.id }, quantity: 3 });
    expect(priced.amount).toBe(2_100);
    expect(priced.pricing?.price_details).toEqual({ price: price.id, product: price.product });
    const product = price.product as string;
    const data = { currency: "usd", product, unit_amount_decimal: Stripe.Decimal.from("1.5") };
    expect(await stripe.invoiceItems.create({ customer, price_data: data, quantity: 3 })).toMatchObject({ amount: 5 });
  });

  test("refuse two ways of saying the price, a broken currency and a deleted customer", async () => {
    const refused = (params: Stripe.InvoiceItemCreateParams) => catchStripeError(stripe.invoiceItems.create(params));
    const rate = Stripe.Decimal.from("1");
    expect(await refused({ customer, currency: "usd", amount: 1, unit_amount_decimal: rate })).toMatchObject({
      code: "parameters_exclusive",
    });
    expect(await refused({ customer, currency: "dollars", amount: 1 })).toMatchObject({ param: "currency" });
    const gone = await stripe.customers.create({});
    await stripe.customers.del(gone.id);
    expect(await refused({ customer: gone.id, currency: "usd", amount: 1 })).toMatchObject({
      code: "resource_missing",
    });
  });

  test("are deleted while pending", async () => {
    const item = await stripe.invoiceItems.create({ customer, amount: 9, currency: "usd" });
    expect(await stripe.invoiceItems.del(item.id)).toMatchObject({ id: item.id, deleted: true });
    expect(await catchStripeError(stripe.invoiceItems.retrieve(item.id))).toMatchObject({ statusCode: 404 });
  });
});
