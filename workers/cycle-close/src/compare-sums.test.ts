import { beforeEach, describe, expect, test } from "vitest";
import { close, createWorld, DAY_MS, HOUR_MS, type World } from "./cycle-close-test-kit.ts";
import { SUMS_PER_RUN_MAX } from "./limits.ts";
import { send } from "./route-test-kit.ts";
import { execute, resetDatabase, rows, seedPlan, seedRollup, seedTenant } from "./seed-test-kit.ts";

const differences = async (): Promise<(string | null)[]> =>
  (await rows<{ difference: string | null }>("SELECT sum_difference AS difference FROM stripe_usage_outbox")).map(
    (row) => row.difference,
  );
const summaryCalls = (world: World): number => world.stripe.calls.filter((path) => path.includes("summaries")).length;
const audits = () => rows("SELECT action FROM audit_logs WHERE action LIKE 'stripe.sum%' ORDER BY seq");

async function sendFleet(tenants: number): Promise<World> {
  for (let index = 0; index < tenants; index += 1) {
    await seedTenant(`t${index}`, { plan: "metered" });
    await seedRollup(`t${index}`, "api", { qty: 5_000_000n });
  }
  const world = createWorld();
  await close(world);
  return world;
}

beforeEach(async () => {
  await resetDatabase();
  const meters = { api: { eventName: "api_calls" } };
  await seedPlan("metered", { mode: "meter_event", meters });
});

describe("sums sent to billing meters", () => {
  test("are left alone until Stripe had its time to count, then compared, and again a day later while the cycle is young", async () => {
    const world = await sendFleet(1);
    world.clock.nowMs += 5 * HOUR_MS;
    expect((await close(world)).sums).toEqual({ compared: 0, differing: 0, postponed: 0 });
    world.clock.nowMs += HOUR_MS;
    expect((await close(world)).sums).toEqual({ compared: 1, differing: 0, postponed: 0 });
    world.clock.nowMs += HOUR_MS;
    expect((await close(world)).sums).toMatchObject({ compared: 0 });
    for (let day = 0; day < 20; day += 1) {
      world.clock.nowMs += DAY_MS;
      await close(world);
    }
    expect(summaryCalls(world)).toBe(11);
    expect(await audits()).toEqual([]);
  });

  test("that Stripe holds differently are stored, shown and audited once, and never corrected", async () => {
    const world = await sendFleet(1);
    const [event] = world.stripe.events;
    if (event !== undefined) event.value = 4n;
    world.clock.nowMs += 6 * HOUR_MS;
    expect((await close(world)).sums).toMatchObject({ compared: 1, differing: 1 });
    world.clock.nowMs += DAY_MS;
    await close(world);
    expect(await differences()).toEqual(["sum_differs: sent 5, Stripe holds 4"]);
    expect(await audits()).toEqual([{ action: "stripe.sum_differs" }]);
    expect(world.stripe.events).toHaveLength(1);
    const health = await (await send(world, "/health", { key: null })).text();
    expect(health).toContain("1 charges are in sums that Stripe holds differently");
    if (event !== undefined) event.value = 5n;
    world.clock.nowMs += DAY_MS;
    await close(world);
    expect(await differences()).toEqual([null]);
    expect(await audits()).toEqual([{ action: "stripe.sum_differs" }, { action: "stripe.sum_agrees" }]);
  });

  test("of a cycle in parts are one sum, without what was rejected and not before the last call is made", async () => {
    const meters = { api: { eventName: "api_calls", included: "1" } };
    await seedPlan("metered", { mode: "meter_event", version: 2, effectiveFrom: "2026-11-11T00:00:00.000Z", meters });
    await seedTenant("t0", { plan: "metered" });
    await seedRollup("t0", "api", { hour: "2026-11-20T00", qty: 7_000_000n });
    await seedRollup("t0", "api", { hour: "2026-11-10T00", qty: 5_000_000n });
    const world = createWorld();
    await close(world);
    world.clock.nowMs += 6 * HOUR_MS;
    await execute(
      "UPDATE stripe_usage_outbox SET status = 'pending', next_attempt_at = '2099-01-01' WHERE part < '2026-11-11'",
    );
    expect((await close(world)).sums).toEqual({ compared: 0, differing: 0, postponed: 1 });
    world.clock.nowMs += 6 * HOUR_MS;
    await execute("UPDATE stripe_usage_outbox SET status = 'sent'");
    expect((await close(world)).sums).toEqual({ compared: 1, differing: 0, postponed: 0 });
    world.clock.nowMs += DAY_MS;
    await execute("UPDATE stripe_usage_outbox SET status = 'rejected' WHERE part < '2026-11-11'");
    expect((await close(world)).sums).toMatchObject({ compared: 1, differing: 1 });
    expect((await differences())[0]).toBe("sum_differs: sent 7, Stripe holds 12");
  });

  test("are compared in bounded numbers, the next run carrying on, also past one that Stripe does not answer", async () => {
    const world = await sendFleet(SUMS_PER_RUN_MAX + 3);
    world.clock.nowMs += 6 * HOUR_MS;
    let calls = 0;
    world.stripe.fault = (path) => {
      if (!path.includes("summaries")) return undefined;
      calls += 1;
      return calls === 3 ? "400" : undefined;
    };
    expect((await close(world)).sums).toEqual({ compared: SUMS_PER_RUN_MAX - 1, differing: 0, postponed: 1 });
    expect((await close(world)).sums).toEqual({ compared: 3, differing: 0, postponed: 0 });
    world.clock.nowMs += 6 * HOUR_MS;
    world.stripe.fault = (path) => (path.includes("summaries") ? "429" : undefined);
    expect((await close(world)).sums).toEqual({ compared: 0, differing: 0, postponed: 0 });
    world.stripe.fault = () => undefined;
    expect((await close(world)).sums).toMatchObject({ compared: 1 });
  });
});
