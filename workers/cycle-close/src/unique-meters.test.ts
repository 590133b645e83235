import { sha256Hex } from "@prego/core/auth";
import { usageObjectKey } from "@prego/core/usage-object";
import { beforeEach, describe, expect, test } from "vitest";
import { close, createWorld, CYCLE, env, type World } from "./cycle-close-test-kit.ts";
import type { explainLine } from "./explain.ts";
import { RECOMPUTE_VALUES_MAX } from "./limits.ts";
import type { Preview } from "./preview.ts";
import { send } from "./route-test-kit.ts";
import {
  execute,
  resetDatabase,
  rows,
  seedLate,
  seedObject,
  seedPlan,
  seedPlanChange,
  seedRollup,
  seedTenant,
} from "./seed-test-kit.ts";

const { BUCKET: bucket } = env;
const meter = { aggregation: "unique", price: { model: "flat", unitAmount: "100" } };

/** Stores the raw lines of an hour and the rollup that they make, as writer and aggregator do. */
async function storeHour(tenantId: string, hour: string, values: (string | undefined)[], newValues: number) {
  const key = usageObjectKey({ tenantId, hour, name: "visits" });
  const at = `${hour}:10:00.000Z`;
  const text = values
    .map((value) => ({ tenant_id: tenantId, meter_key: "visitors", qty: "1", timestamp: at, received_at: at, value }))
    .map((line) => `${JSON.stringify(line)}\n`)
    .join("");
  await bucket.put(key, text);
  const sha256 = await sha256Hex(text);
  await seedObject(tenantId, { key, hour, status: "done", events: values.length, bytes: text.length, sha256 });
  const qty = BigInt(values.length) * 1_000_000n;
  await seedRollup(tenantId, "visitors", { hour, qty, events: values.length, newValues });
}

/** A tenant of five distinct visitors: three by the tenth, two more in the second half of the month. */
async function seedVisits(tenantId: string): Promise<void> {
  await storeHour(tenantId, "2026-11-05T05", ["a", "b", "a", undefined], 2);
  await storeHour(tenantId, "2026-11-10T05", ["b", "c"], 1);
  await storeHour(tenantId, "2026-11-20T05", ["a", "d", "e", "e"], 2);
}

const get = async <T>(world: World, path: string): Promise<T> => {
  const response = await send(world, path);
  expect(response.status).toBe(200);
  return response.json<T>();
};
const preview = (world: World, tenant: string) =>
  get<Preview>(world, `/cycle-close/preview?tenant_id=${tenant}&cycle=${CYCLE}`);
const explain = (world: World, tenant: string) =>
  get<Awaited<ReturnType<typeof explainLine>>>(
    world,
    `/cycle-close/explain?tenant_id=${tenant}&meter_key=visitors&cycle=${CYCLE}&recompute=1`,
  );

beforeEach(async () => {
  await resetDatabase();
  await seedPlan("basic", { meters: { visitors: meter } });
  await seedTenant("t1");
});

describe("a meter that counts distinct values", () => {
  test("is billed for each value of the cycle once: preview, close and raw lines say the same", async () => {
    const world = createWorld();
    await seedVisits("t1");
    const open = await preview(world, "t1");
    expect(open.lines).toMatchObject([{ quantity: "5", amount: "5.00 eur" }]);
    await close(world);
    const closed = await preview(world, "t1");
    expect(closed.lines).toEqual(open.lines);
    expect(closed.charges).toMatchObject([{ status: "sent", payload: { amount: "500" } }]);
    expect(await explain(world, "t1")).toMatchObject({
      digest_matches: true,
      rollups: [
        { hour: "2026-11-05T05", events: 4, new_values: 2 },
        { hour: "2026-11-10T05", events: 2, new_values: 1 },
        { hour: "2026-11-20T05", events: 4, new_values: 2 },
      ],
      recomputed: { equal: true, complete: true, quantity: "5", events: "10" },
    });
  });

  test("is recomputed without what arrived before the meter was made", async () => {
    const world = createWorld();
    await seedVisits("t1");
    await close(world);
    await execute("UPDATE meters SET created_at = '2026-11-21T00:00:00.000Z'");
    expect((await explain(world, "t1")).recomputed).toMatchObject({ equal: false, quantity: "0", events: "10" });
  });

  test("is billed in the part that saw a value first, so that parts add up to the cycle", async () => {
    const world = createWorld();
    await seedPlan("pro", { meters: { visitors: { ...meter, price: { model: "flat", unitAmount: "1000" } } } });
    await seedPlanChange("t1", "basic", "2026-10-01T00:00:00.000Z");
    await seedPlanChange("t1", "pro", "2026-11-15T12:00:00.000Z");
    await seedVisits("t1");
    const open = await preview(world, "t1");
    expect(open.lines).toMatchObject([
      { quantity: "3", amount: "3.00 eur" },
      { quantity: "2", amount: "20.00 eur" },
    ]);
    await close(world);
    expect((await preview(world, "t1")).lines).toEqual(open.lines);
    expect((await explain(world, "t1")).recomputed).toMatchObject({
      equal: true,
      quantity: "5",
      parts: [{ quantity: "3" }, { quantity: "2" }],
    });
  });

  test("is billed late for the values that were new to the closed cycle, in the next close", async () => {
    const world = createWorld(Date.parse("2026-11-01T00:40:00Z"));
    await seedTenant("t2", { createdAt: "2026-10-01T00:00:00.000Z" });
    await seedRollup("t2", "visitors", { hour: "2026-10-10T05", qty: 9_000_000n, events: 9, newValues: 4 });
    await close(world);
    const key = usageObjectKey({ tenantId: "t2", hour: "2026-10-20T05", name: "late" });
    await seedLate("t2", "visitors", { corrected: "2026-10", key, qty: 2_000_000n, events: 7 });
    await seedVisits("t2");
    world.clock.nowMs = Date.parse("2026-12-01T00:40:00Z");
    await close(world);
    expect((await preview(world, "t2")).lines).toMatchObject([
      { corrected_cycle: CYCLE, quantity: "5", amount: "5.00 eur" },
      { corrected_cycle: "2026-10", quantity: "2", amount: "2.00 eur" },
    ]);
    expect(await rows("SELECT status FROM stripe_usage_outbox WHERE tenant_id = 't2'")).toEqual([
      { status: "sent" },
      { status: "sent" },
      { status: "sent" },
    ]);
  });

  test("has a digest that covers the values of each hour, and that of other meters is what it was", async () => {
    const world = createWorld();
    await seedVisits("t1");
    await seedRollup("t1", "other", { hour: "2026-11-05T05", qty: 1n });
    await close(world);
    const digestOf = (hours: string) => sha256Hex(hours);
    const [other, visitors] = await rows<{ rollup_digest: string }>(
      "SELECT rollup_digest FROM usage_cycle_totals ORDER BY meter_key",
    );
    expect(other?.rollup_digest).toBe(await digestOf("2026-11-05T05,1,1,-,-,-"));
    const hours = ["05T05,4000000,4,-,-,-,2", "10T05,2000000,2,-,-,-,1", "20T05,4000000,4,-,-,-,2"];
    expect(visitors?.rollup_digest).toBe(await digestOf(hours.map((hour) => `2026-11-${hour}`).join("\n")));
    await execute("UPDATE usage_rollups SET new_values = 3 WHERE hour = '2026-11-10T05'");
    expect(await explain(world, "t1")).toMatchObject({
      digest_matches: false,
      recomputed: {
        equal: false,
        differences: [{ hour: "2026-11-10T05", rolled_up: { new_values: "3" }, recomputed: { new_values: "1" } }],
      },
    });
  });

  test("says so when it has more values than a recomputation counts", { timeout: 60_000 }, async () => {
    const world = createWorld();
    const values = (from: number, count: number) => Array.from({ length: count }, (_, index) => `v${from + index}`);
    await storeHour("t1", "2026-11-05T05", values(0, RECOMPUTE_VALUES_MAX), RECOMPUTE_VALUES_MAX);
    expect((await explain(world, "t1")).recomputed).toMatchObject({ equal: true, complete: true, quantity: "200000" });
    await storeHour("t1", "2026-11-06T05", ["one more"], 1);
    expect((await explain(world, "t1")).recomputed).toMatchObject({ equal: false, complete: false, differences: [] });
  });
});
