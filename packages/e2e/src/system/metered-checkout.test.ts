import { afterAll, beforeAll, expect, test } from "vitest";
import { startStripeStack, type StripeStack } from "./stripe-stack-test-kit.ts";

let running: StripeStack;

const CREATED = "2026-01-01T00:00:00.000Z";

beforeAll(async () => {
  running = await startStripeStack();
  const { emulator, stack } = running;
  const price = { product: "prod_studio", currency: "usd" };
  emulator.seed({
    products: [{ id: "prod_studio", name: "Studio" }],
    meters: [{ id: "mtr_renders", event_name: "renders" }],
    prices: [
      { ...price, id: "price_studio", unit_amount: 4_900 },
      { ...price, id: "price_renders", unit_amount_decimal: "0.05", meter: "mtr_renders" },
    ],
  });
  const { DB } = await stack.bindings();
  await DB.prepare(
    `INSERT INTO nodes (node_id, region, provider, size, capacity, status, created_at, updated_at)
     VALUES ('node-1', 'eu', 'local', 's', 9, 'active', ?1, ?1)`,
  )
    .bind(CREATED)
    .run();
});
afterAll(() => running.close());

async function post<T>(target: string, body: object): Promise<T> {
  const response = await running.post(target, body);
  expect(response.ok, `${response.url}: ${response.status}`).toBe(true);
  return response.json<T>();
}

test("a paid checkout makes a subscription with every price of the plan, and its row knows them", async () => {
  const meter = { meter_key: "renders", display_name: "Renders", unit: "render", aggregation: "sum" };
  await post("/internal/meters", meter);
  await post("/internal/plans", {
    plan_id: "studio",
    name: "Studio",
    currency: "usd",
    billing_mode: "meter_event",
    stripe_price_id: "price_studio",
    meters: [
      {
        meter_key: "renders",
        included: "10",
        price: { model: "flat", unit_amount: "0.05" },
        stripe_event_name: "renders",
        stripe_price_id: "price_renders",
      },
    ],
  });
  const wish = { slug: "studio-one", plan: "studio", region: "eu" };
  const session = await post<{ session_id: string }>("/v1/checkout", wish);
  await post(`${running.server.url}/_emulator/checkout`, { session: session.session_id });
  expect((await running.emulator.deliverPending()).failed).toBe(0);

  const [subscription] = running.emulator.state.subscriptions.values();
  const [item] = subscription?.items.data ?? [];
  const { DB } = await running.stack.bindings();
  expect(await DB.prepare("SELECT * FROM stripe_subscriptions").all()).toMatchObject({
    results: [
      {
        subscription_id: subscription?.id,
        price_id: "price_studio",
        price_ids: '["price_renders","price_studio"]',
        current_period_start: new Date((item?.current_period_start ?? 0) * 1_000).toISOString(),
      },
    ],
  });
  expect(await DB.prepare("SELECT slug, plan_id FROM tenants_master").all()).toMatchObject({
    results: [{ slug: "studio-one", plan_id: "studio" }],
  });
});
