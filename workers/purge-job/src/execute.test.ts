import { expect, test } from "vitest";
import { settleAtStripe, UnknownSubscriptionError } from "./execute.ts";
import { testDeps, createTestRuntime } from "./purge-test-kit.ts";
import { createFakeStripe, fakeCustomer, type FakeStripe } from "./stripe-test-kit.ts";

const open = (): Promise<void> => Promise.resolve();

function settle(stripe: FakeStripe, subscriptions: string[]): Promise<number | null> {
  const client = testDeps(createTestRuntime(stripe.fetch)).stripe;
  if (client === undefined) throw new Error("no client");
  return settleAtStripe(client, { customers: ["cus_1"], subscriptions }, open);
}

test("a live subscription that was known when the purge began is canceled", async () => {
  const customer = { ...fakeCustomer("cus_1"), subscriptions: [{ id: "sub_1", status: "past_due" }] };
  const stripe = createFakeStripe(customer);
  expect(await settle(stripe, ["sub_1"])).toBe(1_790_000_000);
  expect(customer).toMatchObject({ subscriptions: [{ status: "canceled" }], paymentMethods: [] });
});

test("a key that may not void invoices stops everything at the first refusal", async () => {
  const stripe = createFakeStripe(fakeCustomer("cus_1"));
  const { fetch } = stripe;
  let refused = 0;
  stripe.fetch = (input, init) => {
    if (!(input instanceof Request ? input.url : input.toString()).endsWith("/void")) return fetch(input, init);
    refused += 1;
    const error = { type: "invalid_request_error", message: "The provided key does not have the required permissions" };
    return Promise.resolve(Response.json({ error }, { status: 403 }));
  };
  await expect(settle(stripe, [])).rejects.toMatchObject({ statusCode: 403 });
  expect(refused).toBe(1);
  expect(stripe.calls.filter((call) => call === "GET /v1/invoices")).toHaveLength(2);
});

test("a live subscription that nobody knew of stops everything before anything is changed", async () => {
  const known = { id: "sub_1", status: "past_due" };
  const customer = { ...fakeCustomer("cus_1"), subscriptions: [known, { id: "sub_2", status: "active" }] };
  const stripe = createFakeStripe(customer);
  await expect(settle(stripe, ["sub_1"])).rejects.toThrow(UnknownSubscriptionError);
  expect(stripe.calls.filter((call) => !call.startsWith("GET"))).toEqual([]);
});
