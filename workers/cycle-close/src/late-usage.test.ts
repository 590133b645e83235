import { beforeEach, describe, expect, test } from "vitest";
import { close, createWorld, CYCLE, totals } from "./cycle-close-test-kit.ts";
import { execute, resetDatabase, rows, seedLate, seedPlan, seedRollup, seedTenant } from "./seed-test-kit.ts";

const UNIT = 1_000_000n;
const DECEMBER_MS = Date.parse("2027-01-01T00:40:00Z");

beforeEach(async () => {
  await resetDatabase();
  await seedPlan("basic", { meters: { api_requests: { included: "10000000" } } });
  await seedTenant("t1");
});

describe("late usage", () => {
  test("is billed by the next close, once, as a line that names the cycle it corrects", async () => {
    const world = createWorld();
    await seedRollup("t1", "api_requests", { qty: 8n * UNIT });
    await close(world);
    await seedLate("t1", "api_requests", { corrected: CYCLE, key: "o1", qty: 3n * UNIT });
    await seedLate("t1", "api_requests", { corrected: CYCLE, key: "o2", qty: 4n * UNIT });
    world.clock.nowMs = DECEMBER_MS;
    expect((await close(world)).cycles).toMatchObject([{ cycle: "2026-12", lines: 2, late_lines: 1, charges: 1 }]);
    await close(world);
    expect(await totals("t1")).toMatchObject([
      { cycle: CYCLE, corrected_cycle: CYCLE, overage: 0 },
      {
        cycle: "2026-12",
        corrected_cycle: CYCLE,
        qty: 7_000_000,
        included: 2_000_000,
        overage: 5_000_000,
        amount_minor: 10,
      },
      { cycle: "2026-12", corrected_cycle: "2026-12", qty: 0 },
    ]);
    expect(await rows("SELECT DISTINCT billed_cycle FROM usage_adjustments")).toEqual([{ billed_cycle: "2026-12" }]);
    expect(world.stripe.items).toMatchObject([
      {
        amount: 10,
        metadata: { cycle: "2026-12", corrected_cycle: CYCLE },
        period: { start: Date.parse("2026-11-01T00:00:00Z") / 1_000 },
      },
    ]);
  });

  test("of a largest value and of a last one is billed by what the month's value becomes", async () => {
    await seedPlan("levels", {
      meters: { peak: { aggregation: "max" }, seats: { aggregation: "last" } },
    });
    await execute("UPDATE tenants_master SET plan_id = 'levels'");
    const world = createWorld();
    for (const meter of ["peak", "seats"]) {
      await seedRollup("t1", meter, { hour: "2026-11-10T05", qty: 6n * UNIT, max: 6n * UNIT, last: 6n * UNIT });
    }
    await close(world);
    const lastAt = "2026-11-20T00:00:00.000Z";
    await seedLate("t1", "peak", { corrected: CYCLE, key: "o1", qty: 10n * UNIT, lastAt });
    await seedLate("t1", "seats", { corrected: CYCLE, key: "o1", qty: 4n * UNIT, lastAt });
    world.clock.nowMs = DECEMBER_MS;
    await close(world);
    const corrections = (await totals("t1")).filter(({ cycle, corrected_cycle: corrected }) => cycle > corrected);
    expect(corrections).toMatchObject([
      { meter_key: "peak", qty: 4_000_000, amount_minor: 8 },
      { meter_key: "seats", qty: -2_000_000, amount_minor: -4 },
    ]);
  });

  test("that comes after the next close waits for the one after, and corrections add up", async () => {
    const world = createWorld();
    await seedRollup("t1", "api_requests", { qty: 20n * UNIT });
    await close(world);
    for (const [month, key] of [
      ["2027-01-01", "o1"],
      ["2027-02-01", "o2"],
    ] as const) {
      await seedLate("t1", "api_requests", { corrected: CYCLE, key, qty: key === "o1" ? 5n * UNIT : -9n * UNIT });
      world.clock.nowMs = Date.parse(`${month}T00:40:00Z`);
      await close(world);
    }
    expect(
      (await totals("t1")).filter((line) => line.corrected_cycle === CYCLE).map((line) => line.amount_minor),
    ).toEqual([20, 10, -18]);
    expect(world.stripe.items.map((item) => item.amount)).toEqual([20, 10, -18]);
  });

  test("waits while its own cycle is not closed for the tenant, and never blocks another", async () => {
    const world = createWorld();
    await seedTenant("t2");
    await execute("UPDATE tenants_master SET plan_id = 'nowhere' WHERE tenant_id = 't1'");
    await close(world);
    await seedLate("t1", "api_requests", { corrected: CYCLE, key: "o1", qty: 30n * UNIT });
    world.clock.nowMs = DECEMBER_MS;
    expect(await close(world)).toMatchObject({ failed: 2, cycles: [{ failed: 1 }, { tenants_closed: 1, failed: 1 }] });
    await execute("UPDATE tenants_master SET plan_id = 'basic' WHERE tenant_id = 't1'");
    expect(await close(world)).toMatchObject({ failed: 0, cycles: [{ status: "closed" }, { status: "closed" }] });
    expect((await totals("t1")).map((line) => [line.cycle, line.corrected_cycle, line.overage])).toEqual([
      [CYCLE, CYCLE, 0],
      ["2026-12", CYCLE, 20_000_000],
      ["2026-12", "2026-12", 0],
    ]);
  });
});
