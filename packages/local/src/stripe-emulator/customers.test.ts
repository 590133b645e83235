import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { catchStripeError, connectStripe, createPlanPrice, openTestAccount, type TestAccount } from "./test-account.ts";

let account: TestAccount;
let stripe: Stripe;

beforeAll(async () => {
  account = await openTestAccount();
  stripe = account.stripe;
});

afterAll(() => account.server.close());

describe("customers", () => {
  test("are created, read, changed and deleted through the real client", async () => {
    const created = await stripe.customers.create({
      email: "a@example.com",
      metadata: { tenant_id: "tn_1", plan: "pro" },
    });
    expect(created.id).toMatch(/^cus_[0-9A-Za-z]{24}$/);
    expect(created.lastResponse.requestId).toMatch(/^req_/);
    expect(created.lastResponse.apiVersion).toBe("2026-10-28.endive");

    const changed = await stripe.customers.update(created.id, { name: "A", metadata: { plan: "" } });
    expect(changed).toMatchObject({ name: "A", email: "a@example.com", metadata: { tenant_id: "tn_1" } });
    expect(changed.metadata).not.toHaveProperty("plan");

    expect(await stripe.customers.del(created.id)).toMatchObject({ id: created.id, deleted: true });
    expect(await stripe.customers.retrieve(created.id)).toEqual({ id: created.id, object: "customer", deleted: true });
    const listed = await stripe.customers.list({ email: "a@example.com" });
    expect(listed.data).toEqual([]);
  });

  test("end their subscriptions when they are deleted", async () => {
    const customer = await stripe.customers.create({});
    const price = await createPlanPrice(stripe);
    const subscription = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id }] });
    await stripe.customers.del(customer.id);
    expect(await stripe.subscriptions.retrieve(subscription.id)).toMatchObject({ status: "canceled" });
  });

  test("that do not exist answer 404 by path and 400 by parameter", async () => {
    const byPath = await catchStripeError(stripe.customers.retrieve("cus_none"));
    expect(byPath).toMatchObject({
      statusCode: 404,
      code: "resource_missing",
      message: "No such customer: 'cus_none'",
    });
    const byParam = await catchStripeError(
      stripe.invoiceItems.create({ customer: "cus_none", amount: 1, currency: "usd" }),
    );
    expect(byParam).toMatchObject({ statusCode: 400, code: "resource_missing", param: "customer" });
  });
});

describe("list pages", () => {
  test("walk every object once, newest first, in both directions", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 23; index += 1) {
      const customer = await stripe.customers.create({ email: "paged@example.com" });
      ids.unshift(customer.id);
    }
    const first = await stripe.customers.list({ email: "paged@example.com" });
    expect(first).toMatchObject({ object: "list", url: "/v1/customers", has_more: true });
    expect(first.data).toHaveLength(10);

    const forward: string[] = [];
    for await (const customer of stripe.customers.list({ email: "paged@example.com", limit: 5 })) {
      forward.push(customer.id);
    }
    expect(forward).toEqual(ids);

    const last = ids.at(-1) as string;
    const back: string[] = [];
    const before = stripe.customers.list({ email: "paged@example.com", limit: 5, ending_before: last });
    for await (const customer of before) back.push(customer.id);
    expect(back).toEqual(ids.slice(0, -1).toReversed());
  });

  test("refuse a limit above 100, an unknown cursor and two cursors", async () => {
    expect(await catchStripeError(stripe.customers.list({ limit: 101 }))).toMatchObject({
      statusCode: 400,
      param: "limit",
    });
    expect(await catchStripeError(stripe.customers.list({ starting_after: "cus_none" }))).toMatchObject({
      statusCode: 400,
      param: "starting_after",
    });
    const both = catchStripeError(stripe.customers.list({ starting_after: "a", ending_before: "b" }));
    expect(await both).toMatchObject({ code: "parameters_exclusive" });
  });
});

describe("refusals", () => {
  test("tell an endpoint that is not offered, never an empty success", async () => {
    const error = await catchStripeError(stripe.charges.list());
    expect(error).toMatchObject({ statusCode: 404, type: "StripeInvalidRequestError" });
    expect(error.message).toContain("Unrecognized request URL (GET: /v1/charges)");
    const posted = await catchStripeError(stripe.refunds.create({ charge: "ch_1" }));
    expect(posted.message).toContain("(POST: /v1/refunds)");
  });

  test("answer 401 without a test key", async () => {
    const wrong = connectStripe(account.server, "sk_live_x");
    expect(await catchStripeError(wrong.customers.list())).toMatchObject({
      statusCode: 401,
      type: "StripeAuthenticationError",
    });
    const bare = await fetch(`${account.server.url}/v1/customers`);
    expect(bare.status).toBe(401);
    expect(await bare.json()).toMatchObject({ error: { type: "invalid_request_error" } });
  });

  test("name a parameter that Stripe does not know", async () => {
    const params = { email: "x@example.com", tenant: "x" } as Stripe.CustomerCreateParams;
    const error = await catchStripeError(stripe.customers.create(params));
    expect(error).toMatchObject({ statusCode: 400, code: "parameter_unknown", param: "tenant" });
    expect(error.doc_url).toBe("https://stripe.com/docs/error-codes/parameter-unknown");
  });

  test("do not expand what is not a reference", async () => {
    const customer = await stripe.customers.create({});
    const error = await catchStripeError(stripe.customers.retrieve(customer.id, { expand: ["email"] }));
    expect(error.message).toBe("This property cannot be expanded (email).");
  });
});
