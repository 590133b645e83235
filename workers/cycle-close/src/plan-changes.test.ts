import { usageObjectKey } from "@prego/core/usage-object";
import { beforeEach, describe, expect, test } from "vitest";
import { close, createWorld, CYCLE, type World } from "./cycle-close-test-kit.ts";
import type { explainLine } from "./explain.ts";
import { send } from "./route-test-kit.ts";
import { resetDatabase, rows, seedLate, seedPlan, seedPlanChange, seedRollup, seedTenant } from "./seed-test-kit.ts";

const UNIT = 1_000_000n;
const DECEMBER_MS = Date.parse("2027-01-01T00:40:00Z");
const price = (unitAmount: string) => ({ model: "flat", unitAmount });

interface Part {
  cycle: string;
  corrected_cycle: string;
  part: string;
  qty: number;
  included: number;
  amount_minor: number;
}

const parts = (): Promise<Part[]> =>
  rows<Part>(
    `SELECT cycle, corrected_cycle, part, qty, included, amount_minor FROM usage_cycle_totals
      ORDER BY cycle, corrected_cycle DESC, part, meter_key`,
  );

const times = (world: World): string[] =>
  world.stripe.events.map((event) => new Date(event.timestamp * 1_000).toISOString());

const explain = async (world: World, query = ""): Promise<Awaited<ReturnType<typeof explainLine>>> =>
  (await send(world, `/cycle-close/explain?tenant_id=t1&meter_key=api&cycle=${CYCLE}${query}`)).json();

beforeEach(async () => {
  await resetDatabase();
  await seedPlan("small", { meters: { api: { included: "72000000", price: price("2") } } });
  await seedPlan("large", { meters: { api: { included: "720000000", price: price("1") } } });
  await seedTenant("t1", { plan: "large" });
  await seedPlanChange("t1", "small", "2026-10-01T00:00:00.000Z");
});

describe("a move to another plan inside a cycle", () => {
  test("prices each part by its own plan and its own share of the allowance", async () => {
    const world = createWorld();
    await seedPlanChange("t1", "large", "2026-11-11T00:20:00.000Z");
    await seedRollup("t1", "api", { hour: "2026-11-10T23", qty: 34n * UNIT });
    await seedRollup("t1", "api", { hour: "2026-11-11T00", qty: 500n * UNIT });
    await close(world);
    // A third of 72 and two thirds of 720; 10 x 2 and 20 x 1 above them.
    expect(await parts()).toMatchObject([
      { part: "2026-11-01T00", qty: 34_000_000, included: 24_000_000, amount_minor: 20 },
      { part: "2026-11-11T00", qty: 500_000_000, included: 480_000_000, amount_minor: 20 },
    ]);
    expect(world.stripe.items).toMatchObject([
      { metadata: { part: "2026-11-01T00" }, period: { end: Date.parse("2026-11-10T23:59:59Z") / 1_000 } },
      { metadata: { part: "2026-11-11T00" }, period: { start: Date.parse("2026-11-11T00:00:00Z") / 1_000 } },
    ]);
    const answer = await explain(world, "&recompute=1");
    expect(answer).toMatchObject({
      digest_matches: true,
      lines: [
        { part: { from: "2026-11-01T00", to: "2026-11-11T00" }, plan_snapshot: { plan_id: "small" } },
        { part: { from: "2026-11-11T00", to: "2026-12-01T00" }, plan_snapshot: { plan_id: "large" } },
      ],
      recomputed: { parts: [{ from: "2026-11-01T00" }, { from: "2026-11-11T00" }] },
    });
    await seedRollup("t1", "api", { hour: "2026-11-20T00", qty: UNIT });
    expect((await explain(world)).digest_matches).toBe(false);
  });

  test("in the first hour gives the lines, identifiers and digests of the new plan for the whole cycle", async () => {
    const facts = async () => {
      const world = createWorld();
      await seedRollup("t1", "api", { qty: 800n * UNIT });
      await close(world);
      return [
        await rows("SELECT * FROM usage_cycle_totals"),
        await rows("SELECT identifier, payload_json FROM stripe_usage_outbox"),
      ];
    };
    await seedPlanChange("t1", "large", "2026-11-01T00:59:59.000Z");
    const moved = await facts();
    await resetDatabase();
    await seedPlan("large", { meters: { api: { included: "720000000", price: price("1") } } });
    await seedTenant("t1", { plan: "large" });
    expect(await facts()).toEqual(moved);
    expect(moved[1]).toHaveLength(1);
  });

  test("bills a level by the hours it stood for, and what was reported last goes on standing", async () => {
    const world = createWorld();
    await seedPlan("seats-a", { meters: { seats: { aggregation: "last", price: price("100") } } });
    await seedPlan("seats-b", { meters: { seats: { price: price("200") } } });
    await seedTenant("t2", { plan: "seats-b" });
    await seedPlanChange("t2", "seats-a", "2026-10-01T00:00:00.000Z");
    await seedPlanChange("t2", "seats-b", "2026-11-16T00:00:00.000Z");
    await seedRollup("t2", "seats", { hour: "2026-11-03T00", qty: 10n * UNIT, max: 10n * UNIT, last: 10n * UNIT });
    await close(world);
    const lines = await rows("SELECT qty, amount_minor FROM usage_cycle_totals WHERE tenant_id = 't2' ORDER BY part");
    expect(lines).toEqual([
      { qty: 5_000_000, amount_minor: 500 },
      { qty: 5_000_000, amount_minor: 1_000 },
    ]);
  });

  test("sends every part as a meter event of its own, in the last second of the part", async () => {
    const world = createWorld();
    const meters = (amount: string) => ({ api: { price: price(amount), eventName: "api_calls" } });
    await seedPlan("events", { mode: "meter_event", meters: meters("1") });
    await seedPlan("events", {
      mode: "meter_event",
      version: 2,
      effectiveFrom: "2026-11-11T00:00:00.000Z",
      meters: meters("2"),
    });
    await seedTenant("t2", { plan: "events" });
    await seedRollup("t2", "api", { hour: "2026-11-10T23", qty: 3n * UNIT });
    await seedRollup("t2", "api", { hour: "2026-11-11T00", qty: 4n * UNIT });
    await close(world);
    expect(times(world).toSorted()).toEqual(["2026-11-10T23:59:59.000Z", "2026-11-30T23:59:59.000Z"]);
    for (const [key, hour] of [
      ["a", "2026-11-01T05"],
      ["b", "2026-11-30T05"],
    ] as const) {
      await seedLate("t2", "api", {
        corrected: CYCLE,
        key: usageObjectKey({ tenantId: "t2", hour, name: key }),
        qty: UNIT,
      });
    }
    world.clock.nowMs = DECEMBER_MS;
    await close(world);
    expect(times(world).slice(2).toSorted()).toEqual(["2026-12-31T02:58:59.000Z", "2026-12-31T23:58:59.000Z"]);
    expect(new Set(world.stripe.events.map((event) => event.identifier)).size).toBe(4);
  });
});

describe("late usage of a cycle in parts", () => {
  const late = (hour: string, name: string, units: bigint): Promise<void> =>
    seedLate("t1", "api", { corrected: CYCLE, key: usageObjectKey({ tenantId: "t1", hour, name }), qty: units * UNIT });

  test("is priced by the part its hour falls in, from what that part's allowance has left", async () => {
    const world = createWorld();
    await seedPlanChange("t1", "large", "2026-11-11T00:20:00.000Z");
    await seedRollup("t1", "api", { hour: "2026-11-10T23", qty: 20n * UNIT });
    await close(world);
    await late("2026-11-10T23", "a", 10n);
    await late("2026-11-11T00", "b", 490n);
    // A change that is known only now does not move the parts of a closed cycle.
    await seedPlanChange("t1", "small", "2026-11-05T00:00:00.000Z");
    world.clock.nowMs = DECEMBER_MS;
    await close(world);
    expect((await parts()).filter((line) => line.cycle !== line.corrected_cycle)).toMatchObject([
      { part: "2026-11-01T00", qty: 10_000_000, included: 4_000_000, amount_minor: 12 },
      { part: "2026-11-11T00", qty: 490_000_000, included: 480_000_000, amount_minor: 10 },
    ]);
  });

  test("of a cycle that was never closed for the tenant grants each part's allowance once over all corrections", async () => {
    const world = createWorld();
    await close(world);
    await seedPlanChange("t9", "small", "2026-10-01T00:00:00.000Z");
    await seedPlanChange("t9", "large", "2026-11-11T00:00:00.000Z");
    await seedTenant("t9", { plan: "large", createdAt: "2026-12-20T00:00:00.000Z" });
    for (const [index, month] of ["2027-01-01", "2027-02-01"].entries()) {
      for (const hour of ["2026-11-10T23", "2026-11-11T00"]) {
        const key = usageObjectKey({ tenantId: "t9", hour, name: `late${index}` });
        await seedLate("t9", "api", { corrected: CYCLE, key, qty: 300n * UNIT });
      }
      world.clock.nowMs = Date.parse(`${month}T00:40:00Z`);
      await close(world);
    }
    const lines = await rows(
      `SELECT cycle, part, included, amount_minor FROM usage_cycle_totals
        WHERE tenant_id = 't9' AND corrected_cycle = ? ORDER BY cycle, part`,
      CYCLE,
    );
    expect(lines).toMatchObject([
      { part: "2026-11-01T00", included: 24_000_000, amount_minor: 552 },
      { part: "2026-11-11T00", included: 300_000_000, amount_minor: 0 },
      { part: "2026-11-01T00", included: 0, amount_minor: 600 },
      { part: "2026-11-11T00", included: 180_000_000, amount_minor: 120 },
    ]);
  });
});
