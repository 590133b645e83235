import type Stripe from "stripe";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { catchStripeError, createMeter, createPlanPrice, openTestAccount, type TestAccount } from "./test-account.ts";

let account: TestAccount;
let licensed: string;
let metered: string;

beforeEach(async () => {
  account = await openTestAccount();
  const price = await createPlanPrice(account.stripe);
  const { id: meter } = await createMeter(account.stripe);
  const usage = await account.stripe.prices.create({
    product: price.product as string,
    currency: "usd",
    unit_amount: 1,
    recurring: { interval: "month", usage_type: "metered", meter },
  });
  [licensed, metered] = [price.id, usage.id];
});

afterEach(() => account.server.close());

const open = (lines: { price: string; quantity?: number }[]): Promise<Stripe.Checkout.Session> =>
  account.stripe.checkout.sessions.create({
    mode: "subscription",
    line_items: lines,
    success_url: "http://app.test/done",
  });

describe("a session with a metered price beside the plan's", () => {
  test("becomes a subscription with both items, of which usage has no quantity and costs nothing yet", async () => {
    const session = await open([{ price: licensed, quantity: 2 }, { price: metered }]);
    expect(session.amount_total).toBe(5_800);
    const { data } = await account.stripe.checkout.sessions.listLineItems(session.id);
    expect(data.map((line) => line.quantity)).toEqual([2, null]);
    const page = `${account.server.url}/c/pay/${session.id}`;
    expect(await (await fetch(page)).text()).toContain(`usage x ${metered}`);
    await fetch(page, { method: "POST", redirect: "manual" });
    const paid = await account.stripe.checkout.sessions.retrieve(session.id, { expand: ["subscription"] });
    const items = (paid.subscription as Stripe.Subscription).items.data;
    expect(items).toMatchObject([{ price: { id: licensed }, quantity: 2 }, { price: { id: metered } }]);
    expect(items[1]).not.toHaveProperty("quantity");
  });

  test.each([
    [
      "a quantity of the metered price",
      () => [
        { price: licensed, quantity: 1 },
        { price: metered, quantity: 1 },
      ],
      "Quantity should not be specified where usage_type is `metered`. Remove quantity from `line_items[1]`",
    ],
    [
      "no quantity of the licensed price",
      () => [{ price: metered }, { price: licensed }],
      "Quantity is required. Add `quantity` to `line_items[1]`",
    ],
  ])("is refused with %s, as Stripe does", async (_, lines, message) => {
    const refused = await catchStripeError(open(lines()));
    const type = "StripeInvalidRequestError";
    expect(refused).toMatchObject({ statusCode: 400, type, message, param: "line_items[1][quantity]" });
    expect(account.emulator.state.checkoutSessions.size).toBe(0);
  });
});
