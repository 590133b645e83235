import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { catchStripeError, openGate, openTestAccount, type TestAccount } from "./test-account.ts";

let account: TestAccount;
let stripe: Stripe;

beforeAll(async () => {
  account = await openTestAccount();
  stripe = account.stripe;
});

afterAll(() => account.server.close());

const dayMs = 24 * 60 * 60 * 1_000;

describe("an idempotency key", () => {
  test("replays the saved answer and does the work once", async () => {
    const before = account.emulator.state.customers.size;
    const first = await stripe.customers.create({ email: "k@example.com" }, { idempotencyKey: "key-once" });
    const second = await stripe.customers.create({ email: "k@example.com" }, { idempotencyKey: "key-once" });
    expect(second.id).toBe(first.id);
    expect(readHeaders(first)["idempotent-replayed"]).toBeUndefined();
    expect(readHeaders(second)).toMatchObject({
      "idempotent-replayed": "true",
      "original-request": first.lastResponse.requestId,
    });
    expect(account.emulator.state.customers.size).toBe(before + 1);
  });

  test("is refused with other parameters, and accepted with the same ones in another order", async () => {
    await stripe.customers.create({ email: "o@example.com", name: "O" }, { idempotencyKey: "key-order" });
    const error = await catchStripeError(
      stripe.customers.create({ email: "p@example.com" }, { idempotencyKey: "key-order" }),
    );
    expect(error).toMatchObject({ statusCode: 400, type: "StripeIdempotencyError", rawType: "idempotency_error" });
    const same = await stripe.customers.create({ name: "O", email: "o@example.com" }, { idempotencyKey: "key-order" });
    expect(readHeaders(same)["idempotent-replayed"]).toBe("true");
  });

  test("is refused for another endpoint", async () => {
    await stripe.customers.create({}, { idempotencyKey: "key-endpoint" });
    const error = await catchStripeError(stripe.products.create({ name: "x" }, { idempotencyKey: "key-endpoint" }));
    expect(error.rawType).toBe("idempotency_error");
  });

  test("is forgotten after a day, so that the same call works twice", async () => {
    const first = await stripe.customers.create({}, { idempotencyKey: "key-day" });
    account.clock.ms += dayMs - 1;
    const replayed = await stripe.customers.create({}, { idempotencyKey: "key-day" });
    expect(replayed.id).toBe(first.id);
    account.clock.ms += 1;
    const again = await stripe.customers.create({}, { idempotencyKey: "key-day" });
    expect(again.id).not.toBe(first.id);
  });

  test("conflicts with itself while its first call runs", async () => {
    const held = openGate();
    const slow = await openTestAccount({ sleep: held.wait, faults: { fail: [{ method: "POST", status: "slow" }] } });
    const first = slow.stripe.customers.create({}, { idempotencyKey: "key-busy" });
    await held.reached;
    const error = await catchStripeError(slow.stripe.customers.create({}, { idempotencyKey: "key-busy" }));
    expect(error).toMatchObject({ statusCode: 409, code: "idempotency_key_in_use" });
    held.open();
    const created = await first;
    const replayed = await slow.stripe.customers.create({}, { idempotencyKey: "key-busy" });
    expect(replayed.id).toBe(created.id);
    await slow.server.close();
  });

  test("is not spent by a refused parameter, but is by a refused object", async () => {
    const wrong = { email: "x@example.com", tenant: "x" } as Stripe.CustomerCreateParams;
    await catchStripeError(stripe.customers.create(wrong, { idempotencyKey: "key-invalid" }));
    const fixed = await stripe.customers.create({ email: "x@example.com" }, { idempotencyKey: "key-invalid" });
    expect(readHeaders(fixed)["idempotent-replayed"]).toBeUndefined();

    const params = { customer: "cus_none", amount: 1, currency: "usd" };
    await catchStripeError(stripe.invoiceItems.create(params, { idempotencyKey: "key-missing" }));
    const replayed = await catchStripeError(stripe.invoiceItems.create(params, { idempotencyKey: "key-missing" }));
    expect(replayed.headers?.["idempotent-replayed"]).toBe("true");
  });

  test("longer than 255 characters is refused", async () => {
    const error = await catchStripeError(stripe.customers.create({}, { idempotencyKey: "k".repeat(256) }));
    expect(error.statusCode).toBe(400);
  });

  test("of a GET is ignored", async () => {
    const url = `${account.server.url}/v1/customers?limit=1`;
    const headers = { authorization: "Bearer sk_test_local", "idempotency-key": "key-order" };
    expect((await fetch(url, { headers })).status).toBe(200);
  });
});

function readHeaders(answer: { lastResponse: unknown }): Record<string, string | undefined> {
  const { headers } = answer.lastResponse as { headers: Headers | Record<string, string> };
  return headers instanceof Headers ? Object.fromEntries(headers) : headers;
}
