import type Stripe from "stripe";
import { afterEach, beforeEach, expect, test } from "vitest";
import { catchStripeError, createPlanPrice, openTestAccount, readTypes, type TestAccount } from "./test-account.ts";

let account: TestAccount;
let stripe: Stripe;
let customer: string;

beforeEach(async () => {
  account = await openTestAccount();
  stripe = account.stripe;
  customer = (await stripe.customers.create({ email: "i@example.com" })).id;
});
afterEach(() => account.server.close());

const addItem = (amount: number, currency = "usd") => stripe.invoiceItems.create({ customer, amount, currency });
const create = (params: Partial<Stripe.InvoiceCreateParams> = {}, options?: Stripe.RequestOptions) =>
  stripe.invoices.create({ customer, currency: "usd", pending_invoice_items_behavior: "include", ...params }, options);
const hourMs = 60 * 60 * 1_000;

test("an invoice takes the pending items of its currency, once, and none unless asked", async () => {
  const mine = await addItem(700);
  const other = await addItem(300, "eur");
  expect(await create({ pending_invoice_items_behavior: "exclude" })).toMatchObject({ total: 0, parent: null });
  const invoice = await create({ metadata: { a: "b" } });
  expect(invoice).toMatchObject({ status: "draft", total: 700, billing_reason: "manual", metadata: { a: "b" } });
  expect(await stripe.invoiceItems.retrieve(mine.id)).toMatchObject({ invoice: invoice.id });
  expect(await stripe.invoiceItems.retrieve(other.id)).toMatchObject({ invoice: null });
  expect((await create()).total).toBe(0);
});

test("the same key makes one invoice, and it is found by its customer", async () => {
  await addItem(700);
  const first = await create({}, { idempotencyKey: "key-in" });
  expect((await create({}, { idempotencyKey: "key-in" })).id).toBe(first.id);
  expect((await stripe.invoices.list({ customer })).data.map(({ id }) => id)).toEqual([first.id]);
});

test("a draft that advances is closed and charged by Stripe after an hour; one that does not waits", async () => {
  await addItem(700);
  const advancing = await create({ auto_advance: true });
  const waiting = await create();
  expect(advancing.automatically_finalizes_at).toBe((account.clock.ms + hourMs) / 1_000);
  await account.emulator.deliverPending();
  expect(await stripe.invoices.retrieve(advancing.id)).toMatchObject({ status: "draft" });
  account.clock.ms += hourMs;
  await account.emulator.deliverPending();
  expect(await stripe.invoices.retrieve(advancing.id)).toMatchObject({ status: "paid", amount_paid: 700 });
  expect(await stripe.invoices.retrieve(waiting.id)).toMatchObject({ status: "draft" });
  expect(readTypes(account.received)).toEqual(expect.arrayContaining(["invoice.finalized", "invoice.paid"]));
});

test("a draft is finalized once, then paid", async () => {
  await addItem(700);
  const { id } = await create({ collection_method: "send_invoice", days_until_due: 3 });
  expect(await stripe.invoices.finalizeInvoice(id)).toMatchObject({ status: "open", amount_due: 700 });
  expect(await catchStripeError(stripe.invoices.finalizeInvoice(id))).toMatchObject({ code: "invoice_not_editable" });
  expect(await stripe.invoices.pay(id)).toMatchObject({ status: "paid" });
});

test("terms that do not fit are refused", async () => {
  expect(await catchStripeError(create({ collection_method: "send_invoice" }))).toMatchObject({
    param: "days_until_due",
  });
  expect(await catchStripeError(create({ days_until_due: 3 }))).toMatchObject({ param: "days_until_due" });
  expect(await catchStripeError(create({ default_payment_method: "pm_no" }))).toMatchObject({
    code: "resource_missing",
  });
  expect(await catchStripeError(create({ customer: "cus_no" }))).toMatchObject({ code: "resource_missing" });
});

test("a subscription's invoice takes the items of its currency, and one of its own does not take them again", async () => {
  await addItem(700);
  const other = await addItem(300, "eur");
  const price = await createPlanPrice(stripe, 100);
  const { latest_invoice: latest } = await stripe.subscriptions.create({ customer, items: [{ price: price.id }] });
  expect(await stripe.invoices.retrieve(latest as string)).toMatchObject({ total: 800 });
  expect((await create()).total).toBe(0);
  expect(await stripe.invoiceItems.retrieve(other.id)).toMatchObject({ invoice: null });
});
