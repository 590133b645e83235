import { beforeEach, describe, expect, test } from "vitest";
import { close, createWorld, env, jobRun, outbox, type World } from "./cycle-close-test-kit.ts";
import { createDeps } from "./deps.ts";
import { runClose } from "./run.ts";
import { execute, resetDatabase, seedPlan, seedRollup, seedTenant } from "./seed-test-kit.ts";

const held = ({ stripe }: World): string[] => [
  ...stripe.items.map(({ amount, metadata }) => `item ${amount} ${metadata["amount_reason"] ?? ""}`),
  ...stripe.events.map(({ value }) => `event ${value}`),
];

const stateSubscription = (state: { start?: string; end?: string; prices?: string[] }): Promise<void> =>
  execute(
    "INSERT INTO stripe_subscriptions VALUES ('sub_t1', 'cus_t1', 't1', 'active', ?, NULL, 1, '', ?, ?)",
    state.end ?? null,
    state.start ?? null,
    state.prices === undefined ? null : JSON.stringify(state.prices),
  );
/** Closes without Stripe's key, so that nothing is sent yet. */
const closeUnsent = (world: World) => {
  const { STRIPE_SECRET_KEY: _key, ...keyless } = env;
  return runClose(createDeps(keyless, world.runtime), jobRun(world));
};

beforeEach(async () => {
  await resetDatabase();
  const meters = { api: { price: { model: "flat", unitAmount: "3" }, eventName: "api_calls" } };
  await seedPlan("metered", { mode: "meter_event", meters });
  await seedTenant("t1", { plan: "metered" });
  await seedRollup("t1", "api", { qty: 30_000_000n });
});

describe("a metered charge", () => {
  test("of a time that Stripe has invoiced goes as an amount", async () => {
    await stateSubscription({ start: "2026-12-01T00:00:00.000Z", end: "2027-01-01T00:00:00.000Z" });
    const world = createWorld(Date.parse("2026-12-06T00:00:00Z"));
    await close(world);
    expect(held(world)).toEqual(["item 90 period_invoiced"]);
  });

  test("that was planned in time and is sent too late is rejected for a person to see, and is never on no invoice unseen", async () => {
    await stateSubscription({ start: "2026-12-01T00:40:00.000Z", end: "2027-01-01T00:00:00.000Z" });
    const world = createWorld(Date.parse("2026-12-01T00:40:00Z"));
    await closeUnsent(world);
    world.clock.nowMs += 25 * 60 * 60 * 1_000;
    await close(world);
    expect(held(world)).toEqual([]);
    expect(await outbox()).toMatchObject([
      { status: "rejected", mode: "meter_event", error: expect.stringMatching(/^period_invoiced/) },
    ]);
  });

  test.each([
    [["price_plan", "price_api"], "event 30"],
    [["price_plan"], "item 90 price_not_on_subscription"],
    [["price_api"], "item 90 price_not_on_subscription"],
    [undefined, "event 30"],
  ] as const)("of a subscription with the prices %j goes as: %s", async (prices, expected) => {
    await execute("UPDATE plans SET stripe_price_id = 'price_plan'");
    await execute("UPDATE plan_meters SET stripe_price_id = 'price_api'");
    await stateSubscription(prices === undefined ? {} : { prices: [...prices] });
    const world = createWorld();
    await close(world);
    expect(held(world)).toEqual([expected]);
  });

  test.each([
    [["price_plan"], "item 90 price_not_on_subscription"],
    [["price_plan", "price_unnamed"], "event 30"],
  ] as const)(
    "of a meter without a named price, of a subscription with the prices %j, goes as: %s",
    async (prices, expected) => {
      await execute("UPDATE plans SET stripe_price_id = 'price_plan'");
      await stateSubscription({ prices: [...prices] });
      const world = createWorld();
      await close(world);
      expect(held(world)).toEqual([expected]);
    },
  );
});
