import { beforeAll, describe, expect, test } from "vitest";
import { close, createWorld, CYCLE, DAY_MS, HOUR_MS, outbox, totals, type World } from "./cycle-close-test-kit.ts";
import {
  keepRows,
  resetDatabase,
  restoreRows,
  rows,
  seedPlan,
  seedPlanChange,
  seedRollup,
  seedTenant,
} from "./seed-test-kit.ts";
import { createFaultyDeps, FAULT_MODES, type FaultMode } from "./fault-test-kit.ts";

const flat = (unitAmount: string) => ({ model: "flat", unitAmount });
const UNIT = 1_000_000n;
const CALLS_MAX = 200;

/** Tables with the rows that every point begins with. */
const KEPT = ["meters", "plans", "plan_meters", "tenants_master", "tenant_plans", "usage_rollups"];

beforeAll(async () => {
  await resetDatabase();
  const meters = { api_requests: { included: "1000000000", eventName: "api_calls" } };
  await seedPlan("basic", { meters });
  await seedPlan("metered", { mode: "meter_event", meters });
  await seedTenant("item");
  await seedTenant("left", { plan: "metered", subscription: "canceled" });
  await seedTenant("meter", { plan: "metered" });
  await seedPlan("dearer", {
    mode: "meter_event",
    meters: { api_requests: { price: flat("4"), eventName: "api_calls" } },
  });
  await seedTenant("moved", { plan: "dearer" });
  await seedPlanChange("moved", "metered", "2026-10-01T00:00:00.000Z");
  await seedPlanChange("moved", "dearer", "2026-12-01T00:10:00.000Z");
  await seedRollup("item", "api_requests", { qty: 1_250n * UNIT });
  await seedRollup("left", "api_requests", { qty: 1_030n * UNIT });
  await seedRollup("meter", "api_requests", { qty: 1_040n * UNIT });
  await seedRollup("moved", "api_requests", { qty: 1_070n * UNIT });
  await keepRows(KEPT);
});

async function prepareWorld(): Promise<World> {
  await restoreRows(KEPT);
  return createWorld();
}

/** Runs until nothing is pending, a day and an hour apart; a fleet that never gets quiet fails the check. */
async function resumeUntilQuiet(world: World): Promise<void> {
  world.stripe.fault = () => undefined;
  for (let round = 0; round < 4; round += 1) {
    await close(world);
    const [open] = await rows<{ count: number }>("SELECT count(*) AS count FROM cycle_runs WHERE status <> 'closed'");
    if (open?.count === 0) return;
    world.clock.nowMs += 25 * HOUR_MS;
  }
}

async function checkWorld(world: World, point: string): Promise<void> {
  const bills = (await totals()).filter((line) => line.cycle === CYCLE);
  expect(bills, point).toMatchObject([
    { tenant_id: "item", overage: 250_000_000, amount_minor: 500 },
    { tenant_id: "left", overage: 30_000_000, amount_minor: 60 },
    { tenant_id: "meter", overage: 40_000_000, amount_minor: 80 },
    { tenant_id: "moved", overage: 70_000_000, amount_minor: 140 },
  ]);
  const [item, left, meter, moved, ...others] = await outbox();
  expect(others, point).toEqual([]);
  expect([item, left, moved], point).toMatchObject([
    { tenant_id: "item", status: "sent" },
    { tenant_id: "left", status: "sent" },
    { tenant_id: "moved", status: "sent" },
  ]);
  // Closed after 36 days, what Stripe would refuse as too old is an amount from the start.
  expect(world.stripe.items.map((made) => `${made.customer} ${made.amount}`).toSorted(), point).toEqual([
    "cus_item 500",
    "cus_left 60",
    ...(meter?.mode === "invoice_item" ? ["cus_meter 80"] : []),
    "cus_moved 140",
  ]);
  expect(
    world.stripe.invoices.map((made) => made.customer),
    point,
  ).toEqual(["cus_left"]);
  if (meter?.status === "rejected") {
    expect(meter.error, point).toMatch(/^timestamp_too_far_in_past/);
    expect(world.stripe.events, point).toEqual([]);
  } else {
    expect(meter, point).toMatchObject({ tenant_id: "meter", status: "sent" });
    expect(
      world.stripe.events.map((event) => event.value),
      point,
    ).toEqual(meter?.mode === "invoice_item" ? [] : [40n]);
  }
  const [finished] = await rows<{ status: string }>("SELECT status FROM cycle_runs WHERE cycle = ?", CYCLE);
  expect(finished, point).toEqual({ status: "closed" });
  const audit = await rows<{ count: number }>(
    "SELECT count(*) AS count FROM audit_logs WHERE action = 'cycle.closed' AND target = ?",
    `usage_cycle_totals/${CYCLE}`,
  );
  expect(audit, point).toEqual([{ count: 4 }]);
  expect(world.stripe.overlap, point).toBe(1);
}

/** In turn, call by call; a call is struck by every second mode: `sweep billing` tries every call with each gap and each mode. */
const GAPS_MS = [HOUR_MS, 25 * HOUR_MS, 36 * DAY_MS];

async function sweep(mode: FaultMode, turn: number): Promise<number> {
  for (let call = 1 + (turn % 2); call <= CALLS_MAX; call += 2) {
    const gapMs = GAPS_MS[(call + turn) % GAPS_MS.length] ?? HOUR_MS;
    const world = await prepareWorld();
    const { deps, injector } = createFaultyDeps(world, { call, mode });
    await close(world, {}, deps).catch(() => undefined);
    world.clock.nowMs += gapMs;
    await resumeUntilQuiet(world);
    await checkWorld(world, `${mode} at call ${call}, resumed after ${gapMs / HOUR_MS} h`);
    if (injector.calls < call) return call;
  }
  throw new Error("the sweep did not end");
}

describe("a close that broke at a call and is resumed after an hour, 25 hours or 36 days", () => {
  test.each(FAULT_MODES.map((mode, turn) => [mode, turn] as const))(
    "bills nothing twice, loses nothing and is right to the digit: %s",
    { timeout: 120_000 },
    async (mode, turn) => {
      expect(await sweep(mode, turn)).toBeGreaterThan(mode.startsWith("saved") ? 2 : 20);
    },
  );
});
