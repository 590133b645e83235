import { sha256Hex } from "@prego/core/auth";
import { usageObjectKey } from "@prego/core/usage-object";
import { beforeEach, describe, expect, test } from "vitest";
import { close, createWorld, CYCLE, env, type World } from "./cycle-close-test-kit.ts";
import { execute, resetDatabase, seedLate, seedObject, seedPlan, seedRollup, seedTenant } from "./seed-test-kit.ts";
import type { explainLine } from "./explain.ts";
import { send } from "./route-test-kit.ts";

const { BUCKET: bucket } = env;
type Explanation = Awaited<ReturnType<typeof explainLine>>;

interface Line {
  qty: string;
  meter?: string;
  minute?: string;
}

/** Stores raw lines as the writer does, and the object's row as the aggregator leaves it. */
async function storeObject(tenantId: string, object: { name: string; hour?: string; lines: Line[] }): Promise<string> {
  const hour = object.hour ?? "2026-11-10T05";
  const key = usageObjectKey({ tenantId, hour, name: object.name });
  const text = object.lines
    .map(({ qty, meter = "api", minute = "10" }, index) => {
      const at = `${hour}:${minute}:00.000Z`;
      const id = `${object.name}-${index}`;
      return `${JSON.stringify({ id, tenant_id: tenantId, meter_key: meter, qty, timestamp: at, received_at: at })}\n`;
    })
    .join("");
  await bucket.put(key, text);
  const sha256 = await sha256Hex(text);
  await seedObject(tenantId, { key, hour, status: "done", events: object.lines.length, bytes: text.length, sha256 });
  return key;
}

async function explain(world: World, tenant: string, query = ""): Promise<Explanation> {
  const response = await send(world, `/cycle-close/explain?tenant_id=${tenant}&meter_key=api&cycle=${CYCLE}${query}`);
  expect(response.status).toBe(200);
  return response.json<Explanation>();
}

async function seedUsage(tenant: string): Promise<void> {
  await seedTenant(tenant);
  await storeObject(tenant, { name: "a", lines: [{ qty: "1.5" }, { qty: "2" }, { qty: "9", meter: "other" }] });
  await storeObject(tenant, { name: "b", lines: [{ qty: "0.000001" }] });
  await storeObject(tenant, { name: "c", hour: "2026-11-30T23", lines: [{ qty: "4", minute: "59" }] });
  await seedRollup(tenant, "api", { qty: 3_500_001n, events: 3 });
  await seedRollup(tenant, "api", { hour: "2026-11-30T23", qty: 4_000_000n, events: 1 });
  await seedRollup(tenant, "other", { qty: 9_000_000n, events: 1 });
}

beforeEach(async () => {
  await resetDatabase();
  await seedPlan("basic", { meters: { api: {} } });
});

describe("an explanation", () => {
  test("lists hours, objects with hashes, the plan and the charge behind a closed total", async () => {
    const world = createWorld();
    await seedUsage("t1");
    await close(world);
    const answer = await explain(world, "t1");
    expect(answer).toMatchObject({
      state: "closed",
      digest_matches: true,
      bounds: { event_time: "2026-12-01T00:00:00.000Z", stored_seq: expect.any(Number) },
      lines: [{ quantity: "7.500001", amount: "0.15 eur", plan_snapshot: { plan_id: "basic", plan_version: 1 } }],
      rollups: [
        { hour: "2026-11-10T05", quantity: "3.500001", events: 3 },
        { hour: "2026-11-30T23", quantity: "4", events: 1 },
      ],
      charges: [{ mode: "invoice_item", status: "sent", stripe_id: "ii_1" }],
      late_usage: [],
    });
    expect(answer.objects.map(({ events, counted, sha256 }) => [events, counted, sha256.length])).toEqual([
      [3, true, 64],
      [1, true, 64],
      [1, true, 64],
    ]);
    expect(answer).not.toHaveProperty("recomputed");
  });

  test("gets the same number from the raw lines", async () => {
    const world = createWorld();
    await seedUsage("t2");
    await close(world);
    expect((await explain(world, "t2", "&recompute=1")).recomputed).toEqual({
      equal: true,
      complete: true,
      quantity: "7.500001",
      events: "4",
      differences: [],
      problems: [],
    });
  });

  test("says in which hour the raw lines differ, and which object was changed or is gone", async () => {
    const world = createWorld();
    await seedUsage("t3");
    await close(world);
    await bucket.put(usageObjectKey({ tenantId: "t3", hour: "2026-11-10T05", name: "a" }), "not a line\n");
    await bucket.delete(usageObjectKey({ tenantId: "t3", hour: "2026-11-30T23", name: "c" }));
    const { recomputed } = await explain(world, "t3", "&recompute=1");
    expect(recomputed).toMatchObject({
      equal: false,
      differences: [
        {
          hour: "2026-11-10T05",
          rolled_up: { qty: "3.500001", events: "3" },
          recomputed: { qty: "0.000001", events: "1" },
        },
        { hour: "2026-11-30T23", rolled_up: { qty: "4", events: "1" }, recomputed: { qty: "0", events: "0" } },
      ],
    });
    expect(recomputed?.problems.map((one) => one.problem)).toEqual(["sha256_differs", "missing"]);
  });

  test("leaves out what was stored after the bound, and notices rollups that changed after the close", async () => {
    const world = createWorld();
    await seedUsage("t4");
    await close(world);
    await storeObject("t4", { name: "late", lines: [{ qty: "100" }] });
    const before = await explain(world, "t4", "&recompute=1");
    expect(before.objects.map((object) => object.counted)).toEqual([true, true, false, true]);
    expect(before).toMatchObject({ digest_matches: true, recomputed: { equal: true } });
    await execute("UPDATE usage_rollups SET qty = qty + 1 WHERE tenant_id = 't4' AND hour = '2026-11-10T05'");
    expect(await explain(world, "t4", "&recompute=1")).toMatchObject({
      digest_matches: false,
      recomputed: { equal: false },
    });
  });

  test("leaves out an object that was released from quarantine after the close: it is late usage", async () => {
    const world = createWorld();
    await seedUsage("t7");
    const key = await storeObject("t7", { name: "held", lines: [{ qty: "50" }] });
    await execute("UPDATE usage_objects SET status = 'quarantined' WHERE r2_key = ?", key);
    await close(world);
    await execute("UPDATE usage_objects SET status = 'done' WHERE r2_key = ?", key);
    await seedLate("t7", "api", { corrected: CYCLE, key, qty: 50_000_000n });
    const answer = await explain(world, "t7", "&recompute=1");
    expect(answer).toMatchObject({ recomputed: { equal: true }, late_usage: [{ billed_cycle: null, quantity: "50" }] });
    expect(answer.objects.filter((object) => !object.counted).map((object) => object.r2_key)).toEqual([key]);
  });

  test("names the late usage that a close billed, and works before a close too", async () => {
    const world = createWorld();
    await seedUsage("t5");
    await seedLate("t5", "api", { corrected: "2026-10", key: "late-1", qty: 3_000_000n });
    expect(await explain(world, "t5")).toMatchObject({
      state: "open",
      lines: [{ corrected_cycle: CYCLE }, { corrected_cycle: "2026-10" }],
    });
    await close(world);
    expect(await explain(world, "t5")).toMatchObject({
      state: "closed",
      lines: [{ corrected_cycle: CYCLE }, { corrected_cycle: "2026-10", quantity: "3", amount: "0.06 eur" }],
      late_usage: [{ corrected_cycle: "2026-10", billed_cycle: CYCLE, r2_key: "late-1", quantity: "3" }],
    });
  });

  test("answers 404 for an unknown tenant and for a meter without a line", async () => {
    const world = createWorld();
    await seedUsage("t6");
    const at = `cycle=${CYCLE}`;
    expect((await send(world, `/cycle-close/explain?tenant_id=nobody&meter_key=api&${at}`)).status).toBe(404);
    expect((await send(world, `/cycle-close/explain?tenant_id=t6&meter_key=nothing&${at}`)).status).toBe(404);
  });
});
