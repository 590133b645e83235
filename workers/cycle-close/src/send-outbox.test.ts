import { beforeEach, describe, expect, test } from "vitest";
import { close, createWorld, CYCLE, DAY_MS, env, HOUR_MS, jobRun, outbox, type World } from "./cycle-close-test-kit.ts";
import { execute, resetDatabase, rows, seedPlan, seedRollup, seedTenant } from "./seed-test-kit.ts";
import { createDeps } from "./deps.ts";
import { send } from "./route-test-kit.ts";
import { runClose } from "./run.ts";
import type { StripeFault } from "./stripe-test-kit.ts";

const UNIT = 1_000_000n;
const MINUTE_MS = 60_000;

async function seedFleet(count: number, mode: "invoice_item" | "meter_event" = "invoice_item"): Promise<void> {
  await seedPlan("basic", { mode, meters: { api_requests: { eventName: "api_calls" } } });
  for (let index = 0; index < count; index += 1) {
    await seedTenant(`t${index}`);
    await seedRollup(`t${index}`, "api_requests", { qty: BigInt(index + 1) * UNIT });
  }
}

const failOnce = (world: World, fault: StripeFault): void => {
  world.stripe.fault = () => {
    world.stripe.fault = () => undefined;
    return fault;
  };
};

const runs = async (): Promise<string[]> =>
  (await rows<{ status: string }>("SELECT status FROM cycle_runs WHERE cycle = ?", CYCLE)).map((run) => run.status);

beforeEach(resetDatabase);

describe("sending", () => {
  test("stores the intent before the call, so that a lost process is noticed", async () => {
    const world = createWorld();
    await seedFleet(1);
    const intents: unknown[] = [];
    const { fetch } = world.runtime;
    world.runtime.fetch = async (input, init) => {
      intents.push(...(await rows("SELECT intent_at, attempts, status FROM stripe_usage_outbox")));
      return fetch(input, init);
    };
    await close(world);
    expect(intents).toEqual([{ intent_at: "2026-12-01T00:40:00.000Z", attempts: 1, status: "pending" }]);
  });

  test("waits as long as Stripe asks after a 429, without counting it as an attempt", async () => {
    const world = createWorld();
    await seedFleet(3);
    failOnce(world, "429");
    expect((await close(world)).outbox).toMatchObject({ sent: 0, stopped: "rate_limit_error (429)" });
    expect((await outbox()).map((row) => [row.status, row.attempts])).toEqual([
      ["pending", 0],
      ["pending", 0],
      ["pending", 0],
    ]);
    expect(await rows("SELECT intent_at FROM stripe_usage_outbox WHERE intent_at IS NOT NULL")).toEqual([]);
    expect(await runs()).toEqual(["sending"]);
    world.clock.nowMs += MINUTE_MS;
    expect((await close(world)).outbox).toMatchObject({ sent: 0 });
    world.clock.nowMs += MINUTE_MS;
    expect((await close(world)).outbox).toMatchObject({ sent: 3 });
    expect(await runs()).toEqual(["closed"]);
  });

  test("rejects no charge because of a wrong key: the run stops and says so", async () => {
    const world = createWorld();
    await seedFleet(2);
    world.stripe.fault = () => "401";
    expect((await close(world)).outbox).toMatchObject({ rejected: 0, stopped: "invalid_request_error (401)" });
    expect(world.stripe.calls).toHaveLength(1);
    world.stripe.fault = () => undefined;
    expect((await close(world)).outbox).toMatchObject({ sent: 2 });
  });

  test("keeps closing without a key, and sends when there is one", async () => {
    const world = createWorld();
    await seedFleet(2);
    const { STRIPE_SECRET_KEY: _key, ...keyless } = env;
    const report = await runClose(createDeps(keyless, world.runtime), jobRun(world));
    expect(report).toMatchObject({ failed: 0, cycles: [{ status: "sending", tenants_closed: 2 }] });
    expect(report.outbox.stopped).toMatch(/^not_configured/);
    expect((await close(world)).outbox).toMatchObject({ sent: 2, stopped: null });
  });

  test("rejects what Stripe refuses, with its code, audit and trace, and sends the rest", async () => {
    const world = createWorld();
    await seedFleet(3);
    await execute("UPDATE tenants_master SET trace_id = 'trace_all'");
    failOnce(world, "400");
    expect(await close(world)).toMatchObject({ failed: 1, outbox: { sent: 2, rejected: 1 } });
    const rejected = (await outbox()).filter((row) => row.status === "rejected");
    expect(rejected).toMatchObject([{ error: "amount_too_large (400)" }]);
    expect(await rows("SELECT level, trace_id FROM trace_events WHERE event_type = 'stripe.usage_rejected'")).toEqual([
      { level: "error", trace_id: "trace_all" },
    ]);
    expect(await rows("SELECT target FROM audit_logs WHERE action = 'stripe.usage_rejected'")).toHaveLength(1);
    expect(await runs()).toEqual(["closed"]);
  });

  test.each(["invoice_item", "meter_event"] as const)(
    "repeats a call whose answer was lost under the same key, and it counts once: %s",
    async (mode) => {
      const world = createWorld();
      await seedFleet(1, mode);
      failOnce(world, "after");
      expect((await close(world)).outbox).toMatchObject({ sent: 0, retried: 1 });
      world.clock.nowMs += HOUR_MS;
      expect((await close(world)).outbox).toMatchObject({ sent: 1 });
      expect(world.stripe.items.length + world.stripe.events.length).toBe(1);
      expect(world.stripe.calls.filter((path) => path.startsWith("GET"))).toEqual([]);
    },
  );

  test.each(["invoice_item", "meter_event"] as const)(
    "looks up before it repeats anything after Stripe has forgotten the key: %s",
    async (mode) => {
      const world = createWorld();
      await seedFleet(1, mode);
      failOnce(world, "after");
      await close(world);
      world.clock.nowMs += 25 * HOUR_MS;
      expect((await close(world)).outbox).toMatchObject({ sent: 1 });
      expect(world.stripe.items.length + world.stripe.events.length).toBe(1);
      expect(world.stripe.calls.filter((path) => path.startsWith("POST"))).toHaveLength(1);
    },
  );

  test.each(["invoice_item", "meter_event"] as const)(
    "takes a look-up that was refused for no answer, and looks again: %s",
    async (mode) => {
      const world = createWorld();
      await seedFleet(1, mode);
      failOnce(world, "after");
      await close(world);
      world.clock.nowMs += 25 * HOUR_MS;
      failOnce(world, "400");
      expect((await close(world)).outbox).toMatchObject({ sent: 0, rejected: 0, retried: 1 });
      expect(await outbox()).toMatchObject([{ status: "pending", error: "look_up_refused: amount_too_large (400)" }]);
      world.clock.nowMs += 25 * HOUR_MS;
      expect((await close(world)).outbox).toMatchObject({ sent: 1 });
      expect(world.stripe.items.length + world.stripe.events.length).toBe(1);
    },
  );

  test("outlives a saved 500 with a new key, after a look-up that found nothing", async () => {
    const world = createWorld();
    await seedFleet(1);
    failOnce(world, "saved_500");
    await close(world);
    world.clock.nowMs += HOUR_MS;
    expect((await close(world)).outbox).toMatchObject({ sent: 0, retried: 1 });
    // Stripe still remembers the first key and would answer with its saved 500.
    world.clock.nowMs += 22.5 * HOUR_MS;
    expect((await close(world)).outbox).toMatchObject({ sent: 1 });
    expect(world.stripe.items).toHaveLength(1);
    expect(await rows("SELECT payload_json ->> '$.key_epoch' AS epoch FROM stripe_usage_outbox")).toEqual([
      { epoch: 1 },
    ]);
  });

  test("leaves to a run what that run is sending: another run in the middle of it calls nobody", async () => {
    const world = createWorld();
    await seedFleet(3);
    const { fetch } = world.runtime;
    const others: unknown[] = [];
    world.runtime.fetch = async (input, init) => {
      if (others.length === 0) {
        others.push("started");
        world.clock.nowMs += MINUTE_MS;
        others.push((await close(world)).outbox);
      }
      return fetch(input, init);
    };
    expect((await close(world)).outbox).toMatchObject({ sent: 3 });
    expect(others).toEqual(["started", expect.objectContaining({ sent: 0, retried: 0 })]);
    expect(world.stripe.calls).toHaveLength(3);
  });

  test("gives back rows it cannot reach within its time, untried", async () => {
    const world = createWorld();
    await seedFleet(3);
    const { fetch } = world.runtime;
    world.runtime.fetch = (input, init) => {
      world.clock.nowMs += 5 * MINUTE_MS;
      return fetch(input, init);
    };
    expect((await close(world)).outbox).toMatchObject({ sent: 1, stopped: "out_of_time" });
    expect((await outbox()).map((row) => `${row.status} ${row.attempts}`).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(
      ["pending 0", "pending 0", "sent 1"],
    );
  });

  test.each(["invoice_item", "meter_event"] as const)(
    "outlasts weeks without an answer, counted for a person to see, and bills once: %s",
    async (mode) => {
      const world = createWorld();
      await seedFleet(1, mode);
      failOnce(world, "after");
      await close(world);
      world.stripe.fault = () => "before";
      for (let day = 0; day < 20; day += 1) {
        world.clock.nowMs += DAY_MS;
        await close(world);
      }
      expect(await outbox()).toMatchObject([{ status: "pending", attempts: 21 }]);
      expect(await close(world)).toMatchObject({ failed: 0, outbox: { stuck: 1 } });
      const health = await send(world, "/health", { key: null });
      expect(await health.json()).toMatchObject({
        notes: expect.arrayContaining(["1 charges are pending after more than 5 attempts"]),
      });
      world.stripe.fault = () => undefined;
      world.clock.nowMs += DAY_MS;
      expect((await close(world)).outbox).toMatchObject({ sent: 1, stuck: 0 });
      expect(world.stripe.items.length + world.stripe.events.length).toBe(1);
    },
  );

  test("rejects an amount that a number cannot hold, without a call", async () => {
    const world = createWorld();
    await seedFleet(1);
    await execute("UPDATE tenants_master SET trace_id = 'trace_t0'");
    const { STRIPE_SECRET_KEY: _key, ...keyless } = env;
    await runClose(createDeps(keyless, world.runtime), jobRun(world));
    await execute(
      "UPDATE stripe_usage_outbox SET payload_json = json_set(payload_json, '$.amount', '9007199254740993')",
    );
    expect(await close(world)).toMatchObject({ failed: 1, outbox: { rejected: 1 } });
    expect(await outbox()).toMatchObject([{ error: "amount_not_exact: beyond 2^53 - 1 minor units" }]);
    expect(world.stripe.calls).toEqual([]);
  });

  test.each(["canceled", "incomplete_expired"])("counts items without invoice of one that is %s", async (status) => {
    const world = createWorld();
    await seedFleet(2);
    world.stripe.fault = (path) => (path === "POST /v1/invoices" ? "before" : undefined);
    await execute("UPDATE tenants_master SET subscription_status = 'active'");
    await execute("UPDATE tenants_master SET subscription_status = ? WHERE tenant_id = 't0'", status);
    const response = await send(world, "/cycle-close", { method: "POST" });
    expect(await response.json()).toMatchObject({ report: { without_subscription: 1, outbox: { sent: 2 } } });
    const health = await send(world, "/health", { key: null });
    expect(await health.json()).toMatchObject({ notes: ["1 charges without a live subscription"] });
  });

  test("counts meter events of subscriptions that ended between close and send, also when the end is known late", async () => {
    const world = createWorld();
    await seedFleet(4, "meter_event");
    const { STRIPE_SECRET_KEY: _key, ...keyless } = env;
    await runClose(createDeps(keyless, world.runtime), jobRun(world));
    const end =
      "UPDATE tenants_master SET subscription_status = 'canceled', pending_deletion_at = ? WHERE tenant_id = ?";
    await execute(end, "2026-12-01T00:45:00.000Z", "t0");
    await execute(end, "2026-12-02T00:00:00.000Z", "t1");
    await execute(end, "2026-12-02T00:00:00.000Z", "t2");
    await execute(
      "INSERT INTO stripe_subscriptions VALUES ('sub_t2', 'cus_t2', 't2', 'canceled', NULL, NULL, CAST(? AS INTEGER), '', NULL, NULL)",
      Date.parse("2026-12-01T00:45:00Z") / 1_000,
    );
    expect(await runClose(createDeps(keyless, world.runtime), jobRun(world))).toMatchObject({
      without_subscription: 3,
    });
    world.clock.nowMs += 10 * MINUTE_MS;
    expect(await close(world)).toMatchObject({ without_subscription: 2, outbox: { sent: 4 } });
    expect(world.stripe.events).toHaveLength(4);
  });

  test("finds its own invoice item among hundreds of others", async () => {
    const world = createWorld();
    await seedFleet(1);
    failOnce(world, "after");
    await close(world);
    const [item] = world.stripe.items;
    if (item === undefined) throw new Error("nothing was made");
    for (let index = 0; index < 450; index += 1) world.stripe.items.push({ ...item, id: `ii_x${index}`, metadata: {} });
    world.clock.nowMs += 25 * HOUR_MS;
    expect((await close(world)).outbox).toMatchObject({ sent: 1 });
    expect(await outbox()).toMatchObject([{ stripe_id: item.id }]);
    expect(world.stripe.items).toHaveLength(451);
  });

  test("rejects rather than repeats when Stripe holds another value than was sent", async () => {
    const world = createWorld();
    await seedFleet(1, "meter_event");
    failOnce(world, "after");
    await close(world);
    const [event] = world.stripe.events;
    if (event === undefined) throw new Error("nothing was sent");
    event.value = 7n;
    world.clock.nowMs += 25 * HOUR_MS;
    expect((await close(world)).outbox).toMatchObject({ rejected: 1 });
    expect((await outbox())[0]?.error).toMatch(/^summary_differs: Stripe holds 7 where 1/);
  });

  test("claims rows in chunks and sends hundreds within the queries of one run", { timeout: 60_000 }, async () => {
    const world = createWorld();
    await seedPlan("basic", {
      meters: Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`m${index}`, {}])),
    });
    for (const tenant of ["a", "b", "c", "d", "e"]) {
      await seedTenant(tenant);
      for (let index = 0; index < 60; index += 1) await seedRollup(tenant, `m${index}`, { qty: UNIT });
    }
    const deps = createDeps(env, world.runtime);
    const report = await runClose(deps, jobRun(world));
    expect(report.outbox).toMatchObject({ sent: 300, stopped: null });
    expect(world.stripe.calls).toHaveLength(300);
    expect(deps.queries()).toBeLessThan(250);
    expect(await rows("SELECT count(*) AS count FROM audit_logs WHERE action = 'stripe.usage_sent'")).toEqual([
      { count: 300 },
    ]);
  });
});
