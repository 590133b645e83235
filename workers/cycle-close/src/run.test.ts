import { D1_QUERIES_PER_INVOCATION_MAX } from "@prego/core/limits";
import { beforeEach, describe, expect, test } from "vitest";
import { close, CLOSE_MS, createWorld, CYCLE, DAY_MS, env, HOUR_MS, outbox, totals } from "./cycle-close-test-kit.ts";
import { createDeps, type Deps } from "./deps.ts";
import { execute, resetDatabase, rows, seedObject, seedPlan, seedRollup, seedTenant } from "./seed-test-kit.ts";

const UNIT = 1_000_000n;
/** So much of an invocation is used up that a fleet of hundreds does not fit into the rest. */
const QUERIES_BEFORE = 440;
const cycleRun = async () => (await rows("SELECT * FROM cycle_runs WHERE cycle = ?", CYCLE))[0];
const included = { api_requests: { included: "1000000000" } };

beforeEach(resetDatabase);

describe("a close", () => {
  test("bills what is above the allowance, once, through one call", async () => {
    const world = createWorld();
    await seedPlan("basic", { meters: included });
    await seedTenant("t1", { traceId: "trace_t1" });
    await seedRollup("t1", "api_requests", { qty: 1_250n * UNIT });

    const report = await close(world);
    expect(report).toMatchObject({ failed: 0, outbox: { sent: 1, stopped: null } });
    expect(report.cycles.map(({ cycle, status }) => [cycle, status])).toEqual([[CYCLE, "closed"]]);
    expect(await totals("t1")).toMatchObject([
      { cycle: CYCLE, qty: 1_250_000_000, included: 1_000_000_000, overage: 250_000_000, amount_minor: 500 },
    ]);
    expect(world.stripe.calls).toEqual(["POST /v1/invoiceitems"]);
    expect(world.stripe.items).toMatchObject([
      {
        customer: "cus_t1",
        amount: 500,
        currency: "eur",
        period: { start: Date.parse("2026-11-01T00:00:00Z") / 1_000, end: Date.parse("2026-11-30T23:59:59Z") / 1_000 },
        metadata: { tenant_id: "t1", meter_key: "api_requests", cycle: CYCLE, corrected_cycle: CYCLE },
      },
    ]);
    expect(await outbox()).toMatchObject([{ status: "sent", stripe_id: "ii_1", attempts: 1 }]);
    expect(await rows("SELECT event_type, trace_id FROM trace_events WHERE tenant_id = 't1' ORDER BY id")).toEqual([
      { event_type: "cycle.closed", trace_id: "trace_t1" },
      { event_type: "stripe.usage_sent", trace_id: "trace_t1" },
    ]);
    expect(await rows("SELECT action FROM audit_logs ORDER BY seq")).toEqual(
      [
        "cycle.opened",
        "cycle.bounded",
        "cycle.closing",
        "cycle.closed",
        "cycle.sending",
        "stripe.usage_sent",
        "cycle.finished",
      ].map((action) => ({ action })),
    );
  });

  test("changes nothing and calls nobody when it runs again", async () => {
    const world = createWorld();
    await seedPlan("basic", { meters: included });
    await seedTenant("t1");
    await seedRollup("t1", "api_requests", { qty: 1_250n * UNIT });
    await close(world);
    const before = [await totals(), await outbox(), await cycleRun(), await rows("SELECT seq FROM audit_logs")];
    world.clock.nowMs += HOUR_MS;
    expect(await close(world)).toMatchObject({ failed: 0, cycles: [], outbox: { sent: 0 } });
    expect([await totals(), await outbox(), await cycleRun(), await rows("SELECT seq FROM audit_logs")]).toEqual(
      before,
    );
    expect(world.stripe.calls).toHaveLength(1);
  });

  test("bills once when two or three runs go at once", async () => {
    for (const runs of [2, 3]) {
      await resetDatabase();
      const world = createWorld();
      const meters = { api_requests: { eventName: "api_calls" } };
      await seedPlan("basic", { meters });
      await seedPlan("metered", { mode: "meter_event", meters });
      for (let index = 0; index < 12; index += 1) {
        await seedTenant(`t${index}`, { plan: index % 2 === 0 ? "basic" : "metered" });
        await seedRollup(`t${index}`, "api_requests", { qty: BigInt(index + 1) * UNIT });
      }
      await Promise.all(Array.from({ length: runs }, () => close(world)));
      world.clock.nowMs += HOUR_MS;
      await close(world);
      expect(await totals()).toHaveLength(12);
      expect(world.stripe.items.map((item) => item.amount).toSorted((a, b) => a - b)).toEqual([2, 6, 10, 14, 18, 22]);
      expect(world.stripe.events.map((event) => Number(event.value)).toSorted((a, b) => a - b)).toEqual([
        2, 4, 6, 8, 10, 12,
      ]);
      expect((await outbox()).map((row) => row.status)).toEqual(Array(12).fill("sent"));
      expect(world.stripe.overlap).toBe(1);
      expect(await cycleRun()).toMatchObject({ status: "closed", tenants_planned: 12, tenants_closed: 12 });
    }
  });

  test("takes usage up to the cycle's last hour and none of the next or the previous one", async () => {
    const world = createWorld();
    await seedPlan("basic", { meters: { api_requests: {} } });
    await seedTenant("t1");
    for (const hour of ["2026-10-31T23", "2026-11-01T00", "2026-11-30T23", "2026-12-01T00"]) {
      await seedRollup("t1", "api_requests", { hour, qty: UNIT });
    }
    await close(world);
    expect(await totals("t1")).toMatchObject([{ cycle: CYCLE, qty: 2_000_000 }]);
  });

  test("keeps every digit of quantities that a float cannot hold", async () => {
    const world = createWorld();
    await seedPlan("basic", { meters: { api_requests: { price: { model: "flat", unitAmount: "0.000001" } } } });
    await seedTenant("t1");
    await seedRollup("t1", "api_requests", { qty: 9_007_199_254_740_993n });
    await close(world);
    expect(
      await rows("SELECT CAST(qty AS TEXT) AS qty, CAST(amount_minor AS TEXT) AS amount FROM usage_cycle_totals"),
    ).toEqual([{ qty: "9007199254740993", amount: "9007" }]);
  });

  test("opens nothing before a cycle has ended, and everything that was missed, oldest first", async () => {
    await seedPlan("basic", { meters: { api_requests: {} } });
    await seedTenant("t1", { createdAt: "2026-09-15T00:00:00.000Z" });
    const early = createWorld(Date.parse("2026-11-30T23:59:59.999Z"));
    await close(early);
    expect(await rows("SELECT cycle FROM cycle_runs ORDER BY cycle")).toEqual([
      { cycle: "2026-09" },
      { cycle: "2026-10" },
    ]);
    const late = createWorld(Date.parse("2027-02-10T00:00:00Z"));
    const report = await close(late);
    expect(report.cycles.map(({ cycle, status }) => [cycle, status])).toEqual([
      ["2026-11", "closed"],
      ["2026-12", "closed"],
      ["2027-01", "closed"],
    ]);
  });

  test("skips a tenant whose purge has begun and bills one that waits for deletion for what it used", async () => {
    const world = createWorld();
    await seedPlan("basic", { meters: { api_requests: {} } });
    await seedTenant("gone", { status: "Purged" });
    await seedTenant("going", { status: "Pending_Deletion" });
    await seedTenant("purging", { status: "Purging" });
    for (const tenant of ["gone", "going", "purging"]) await seedRollup(tenant, "api_requests", { qty: UNIT });
    await close(world);
    expect((await totals()).map((line) => line.tenant_id)).toEqual(["going"]);
  });

  test("takes the plan version in force in the hours of each part, and before the first version the oldest", async () => {
    const world = createWorld();
    const price = (unitAmount: string) => ({ api_requests: { price: { model: "flat", unitAmount } } });
    await seedPlan("basic", { meters: price("1") });
    await seedPlan("basic", { version: 2, effectiveFrom: "2026-11-01T00:00:00.000Z", meters: price("20") });
    await seedPlan("basic", { version: 3, effectiveFrom: "2026-11-10T06:00:00.000Z", meters: price("300") });
    await seedPlan("new", { version: 4, effectiveFrom: "2026-11-20T00:00:00.000Z", meters: price("4") });
    await seedPlan("new", { version: 5, effectiveFrom: "2026-11-21T00:00:00.000Z", meters: price("5") });
    await seedTenant("t1");
    await seedTenant("t2", { plan: "new" });
    for (const tenant of ["t1", "t2"]) await seedRollup(tenant, "api_requests", { qty: UNIT });
    await seedRollup("t1", "api_requests", { hour: "2026-11-10T06", qty: UNIT });
    await seedRollup("t2", "api_requests", { hour: "2026-11-21T00", qty: UNIT });
    await close(world);
    expect((await totals()).map((line) => line.amount_minor)).toEqual([20, 300, 4, 5]);
  });
});

describe("waiting", () => {
  test("lasts for the grace time, then for every object up to the bound, and no longer", async () => {
    await seedPlan("basic", { meters: { api_requests: {} } });
    await seedTenant("t1");
    await seedRollup("t1", "api_requests", { qty: UNIT });
    await seedObject("t1", { key: "early" });
    const world = createWorld(Date.parse("2026-12-01T00:29:59.999Z"));
    expect((await close(world)).cycles).toEqual([{ cycle: CYCLE, status: "waiting", waiting_for: "grace" }]);
    expect(await cycleRun()).toMatchObject({ stored_seq_bound: null });

    world.clock.nowMs = CLOSE_MS;
    expect((await close(world)).cycles).toMatchObject([
      { status: "waiting", waiting_for: "objects", pending_objects: 1 },
    ]);
    const [stored] = await rows<{ seq: number }>("SELECT seq FROM usage_objects");
    expect(await cycleRun()).toMatchObject({ stored_seq_bound: stored?.seq });

    await seedObject("t1", { key: "late" });
    expect((await close(world)).cycles).toMatchObject([{ status: "waiting", pending_objects: 1 }]);
    await execute("UPDATE usage_objects SET status = 'done' WHERE r2_key = 'early'");
    expect((await close(world)).cycles).toMatchObject([{ status: "closed" }]);
    expect(await cycleRun()).toMatchObject({ stored_seq_bound: stored?.seq, status: "closed" });
  });

  test("never lasts for an object of a tenant whose purge has begun", async () => {
    const world = createWorld();
    await seedPlan("basic", { meters: { api_requests: {} } });
    for (const [tenant, status] of [
      ["t1", "Active"],
      ["purging", "Purging"],
      ["purged", "Purged"],
    ] as const) {
      await seedTenant(tenant, { status });
      await seedRollup(tenant, "api_requests", { qty: UNIT });
      if (tenant !== "t1") await seedObject(tenant);
    }
    expect((await close(world)).cycles).toMatchObject([{ status: "closed", pending_objects: 0, postponed: 0 }]);
    expect((await totals()).map((line) => line.tenant_id)).toEqual(["t1"]);
  });

  test("ends after a day for everybody but the tenant whose object is never counted, who follows once it is", async () => {
    const world = createWorld();
    await seedPlan("basic", { meters: { api_requests: {} } });
    for (const tenant of ["a", "b", "c"]) {
      await seedTenant(tenant);
      await seedRollup(tenant, "api_requests", { qty: UNIT });
    }
    await seedObject("b");
    await close(world);
    world.clock.nowMs += DAY_MS - 1;
    expect((await close(world)).cycles).toMatchObject([{ status: "waiting", waiting_for: "objects" }]);
    world.clock.nowMs += 1;
    expect(await close(world)).toMatchObject({
      failed: 1,
      cycles: [
        { status: "closing", pending_objects: 1, failures: [{ tenant_id: "b", reason: "objects_pending: 2026-11" }] },
      ],
      outbox: { sent: 2 },
    });
    await execute("UPDATE usage_objects SET status = 'done'");
    expect(await close(world)).toMatchObject({ failed: 0, cycles: [{ status: "closed" }], outbox: { sent: 1 } });
  });

  test("never lasts for a quarantined object, which is reported loudly", async () => {
    const world = createWorld();
    await seedPlan("basic", { meters: { api_requests: {} } });
    await seedTenant("t1");
    await seedObject("t1", { status: "quarantined" });
    expect((await close(world)).cycles).toMatchObject([{ status: "closed", quarantined_objects: 1 }]);
    expect(world.log.map((line) => JSON.parse(line) as object)).toContainEqual(
      expect.objectContaining({ level: "error", event: "cycle.objects_quarantined", quarantined: 1 }),
    );
  });
});

describe("one bad tenant among good ones", () => {
  const seedFleet = async (): Promise<void> => {
    await seedPlan("basic", { meters: { api_requests: {} } });
    await seedPlan("broken", { meters: { api_requests: { price: { model: "flat", unitAmount: "-1" } } } });
    await seedTenant("a");
    await seedTenant("b", { plan: "broken" });
    await seedTenant("c", { plan: "nowhere" });
    await seedTenant("d", { customer: null });
    await seedTenant("e");
    for (const tenant of ["a", "b", "c", "d", "e"]) await seedRollup(tenant, "api_requests", { qty: 3n * UNIT });
  };

  test("is reported with its reason while the others are closed and charged, and the cycle stays open", async () => {
    const world = createWorld();
    await seedFleet();
    const report = await close(world);
    expect(report).toMatchObject({ failed: 3, outbox: { sent: 2 } });
    expect(report.cycles).toMatchObject([
      {
        status: "closing",
        failures: [
          { tenant_id: "b", reason: "plan_invalid: broken version 1 api_requests" },
          { tenant_id: "c", reason: "plan_missing: nowhere" },
          { tenant_id: "d", reason: "stripe_customer_missing: api_requests" },
        ],
      },
    ]);
    expect((await totals()).map((line) => line.tenant_id)).toEqual(["a", "e"]);
  });

  test("is tried again by every run, and closes once it is repaired", async () => {
    const world = createWorld();
    await seedFleet();
    await close(world);
    await execute(
      "UPDATE plan_meters SET price_json = ? WHERE plan_id = 'broken'",
      '{"model":"flat","unitAmount":"1"}',
    );
    await execute("UPDATE tenants_master SET plan_id = 'basic' WHERE tenant_id = 'c'");
    world.clock.nowMs += HOUR_MS;
    expect(await close(world)).toMatchObject({ failed: 1, outbox: { sent: 2 } });
    await execute("UPDATE tenants_master SET stripe_customer_id = 'cus_d' WHERE tenant_id = 'd'");
    world.clock.nowMs += HOUR_MS;
    const report = await close(world);
    expect(report).toMatchObject({ failed: 0, cycles: [{ status: "closed" }], outbox: { sent: 1 } });
    expect((await totals()).map((line) => [line.tenant_id, line.amount_minor])).toEqual([
      ["a", 6],
      ["b", 3],
      ["c", 6],
      ["d", 6],
      ["e", 6],
    ]);
    expect(world.stripe.items.reduce((sum, item) => sum + item.amount, 0)).toBe(27);
  });
});

describe("a run out of time", () => {
  test("still closes one tenant and sends what it can, and later runs carry on to the end", async () => {
    const world = createWorld();
    await seedPlan("basic", { meters: { api_requests: {} } });
    for (const tenant of ["a", "b", "c", "d"]) {
      await seedTenant(tenant);
      await seedRollup(tenant, "api_requests", { qty: UNIT });
    }
    const closed: number[] = [];
    for (let run = 0; run < 4; run += 1) {
      const report = await close(world, { deadlineMs: world.clock.nowMs - 1 });
      closed.push((await totals()).length);
      expect(report.cycles).toMatchObject([{ tenants_closed: 1, stopped_early: run < 3 }]);
    }
    expect(closed).toEqual([1, 2, 3, 4]);
    world.clock.nowMs += DAY_MS;
    await close(world);
    expect(world.stripe.items).toHaveLength(4);
    expect(await cycleRun()).toMatchObject({ status: "closed", tenants_closed: 4 });
  });

  test("stops before it uses up the queries of an invocation, and closes the rest later", async () => {
    const world = createWorld();
    await seedPlan("basic", { meters: { api_requests: { price: { model: "flat", unitAmount: "0" } } } });
    await execute(
      `INSERT INTO tenants_master (tenant_id, slug, short_id, type, plan_id, status, status_changed_at, region, created_at, updated_at)
        WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1299)
        SELECT 't' || i, 's' || i, 's' || i, 'standard', 'basic', 'Active', ?1, 'eu', ?1, ?1 FROM n`,
      "2026-11-05T00:00:00.000Z",
    );
    const invocation = (): Deps => {
      const deps = createDeps(env, world.runtime);
      return { ...deps, queries: () => QUERIES_BEFORE + deps.queries() };
    };
    const first = invocation();
    expect((await close(world, {}, first)).cycles).toMatchObject([{ status: "closing", stopped_early: true }]);
    expect(first.queries()).toBeLessThan(D1_QUERIES_PER_INVOCATION_MAX);
    expect((await totals()).length).toBeLessThan(300);
    for (let run = 0; run < 4; run += 1) await close(world, {}, invocation());
    expect(await totals()).toHaveLength(300);
    expect(await cycleRun()).toMatchObject({ status: "closed", tenants_planned: 300, tenants_closed: 300 });
  });
});
