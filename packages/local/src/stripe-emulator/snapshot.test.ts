import { expect, test } from "vitest";
import { createStripeEmulator } from "./emulator.ts";
import { catchStripeError, createMeter, createPlanPrice, openTestAccount, type TestAccount } from "./test-account.ts";

async function live(account: TestAccount): Promise<void> {
  const customer = await account.stripe.customers.create({ email: "n@example.com" }, { idempotencyKey: "key-n" });
  const price = await createPlanPrice(account.stripe);
  await account.stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id }] });
  await createMeter(account.stripe);
  await account.stripe.billing.meterEvents.create({
    event_name: "api_calls",
    identifier: "id-kept",
    payload: { stripe_customer_id: customer.id, value: "4" },
  });
}

test("a restored emulator goes on where the other one stopped", async () => {
  const before = await openTestAccount();
  await live(before);
  const after = await openTestAccount();
  after.emulator.restore(before.emulator.snapshot());
  expect(after.emulator.snapshot()).toBe(before.emulator.snapshot());

  const [customer] = (await after.stripe.customers.list()).data;
  const replayed = await after.stripe.customers.create({ email: "n@example.com" }, { idempotencyKey: "key-n" });
  expect(replayed.id).toBe(customer?.id);
  const again = after.stripe.billing.meterEvents.create({
    event_name: "api_calls",
    identifier: "id-kept",
    payload: { stripe_customer_id: replayed.id, value: "4" },
  });
  expect((await catchStripeError(again)).message).toContain("already exists");
  const fresh = await after.stripe.customers.create({});
  expect(before.emulator.state.customers.has(fresh.id)).toBe(false);
  expect((await after.emulator.deliverPending()).delivered).toBeGreaterThan(0);
  await Promise.all([before.server.close(), after.server.close()]);
});

test("two emulators with one seed and one story are equal to the byte", async () => {
  const [one, two] = await Promise.all([openTestAccount(), openTestAccount()]);
  // The client makes random keys for calls without one; they are the only difference.
  const strip = (text: string) => text.replace(/stripe-node-retry-[0-9a-f-]+/g, "key");
  await live(one);
  await live(two);
  expect(strip(one.emulator.snapshot())).toBe(strip(two.emulator.snapshot()));
  await Promise.all([one.server.close(), two.server.close()]);
});

test("a snapshot of another version is refused", () => {
  expect(() => createStripeEmulator().restore('{"version":2}')).toThrow("version");
});

test("seeding twice leaves what is there alone", async () => {
  const emulator = createStripeEmulator();
  const seed = {
    products: [{ id: "prod_pro", name: "Pro" }],
    meters: [{ id: "mtr_api", event_name: "api_calls" }],
    prices: [{ id: "price_pro", product: "prod_pro", currency: "usd", unit_amount: 2_900 }],
    customers: [{ id: "cus_seeded", email: "s@example.com" }],
  };
  emulator.seed(seed);
  emulator.seed(seed);
  const answer = await emulator.fetch(new Request("http://stripe.test/_emulator/state"));
  expect(await answer.json()).toMatchObject({ counts: { customers: 1, products: 1, prices: 1, meters: 1 } });
  expect(emulator.state.prices.get("price_pro")).toMatchObject({
    recurring: { interval: "month" },
    unit_amount: 2_900,
  });
});
