import { beforeEach, describe, expect, test } from "vitest";
import { createWorld, CYCLE, env } from "./cycle-close-test-kit.ts";
import { execute, resetDatabase, rows, seedObject, seedPlan, seedRollup, seedTenant } from "./seed-test-kit.ts";
import { send } from "./route-test-kit.ts";
import { JOB, startClose } from "./start.ts";

const TABLES = [
  "cycle_runs",
  "usage_cycle_totals",
  "stripe_usage_outbox",
  "job_runs",
  "job_leases",
  "audit_logs",
  "trace_events",
];

beforeEach(async () => {
  await resetDatabase();
  await seedPlan("basic", { meters: { api_requests: { included: "1000000" } } });
  await seedTenant("t1");
  await seedRollup("t1", "api_requests", { qty: 3_000_000n });
});

describe("POST /cycle-close", () => {
  test("runs, answers with the report, and leaves a run and an audit row of the operator", async () => {
    const response = await send(createWorld(), "/cycle-close", { method: "POST" });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      run_id: expect.stringMatching(/^run_/),
      report: { failed: 0, cycles: [{ cycle: CYCLE, status: "closed", tenants_closed: 1 }], outbox: { sent: 1 } },
    });
    expect(await rows("SELECT actor FROM audit_logs WHERE action = 'job.triggered'")).toEqual([
      { actor: expect.stringMatching(/^operator:[0-9a-f]{8}$/) },
    ]);
    expect(await rows("SELECT job, trigger, status FROM job_runs")).toEqual([
      { job: JOB, trigger: "operator", status: "succeeded" },
    ]);
  });

  test("prints the lines in a dry run and writes nothing", async () => {
    const world = createWorld();
    const response = await send(world, "/cycle-close?dry_run=1", { method: "POST" });
    expect(await response.json()).toMatchObject({
      run_id: null,
      report: {
        dry_run: true,
        cycles: [
          {
            cycle: CYCLE,
            status: "unopened",
            tenants: [{ tenant_id: "t1", lines: [{ overage: "2", amount: "0.04 eur" }] }],
          },
        ],
      },
    });
    for (const table of TABLES) expect(await rows(`SELECT * FROM ${table}`), table).toEqual([]);
    expect(world.stripe.calls).toEqual([]);
  });

  test("answers 409 with the running job while a run holds the lease", async () => {
    const world = createWorld();
    await execute("INSERT INTO job_leases VALUES (?, 'run_other', 1, '2099-01-01T00:00:00.000Z')", JOB);
    const response = await send(world, "/cycle-close", { method: "POST" });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: "job_running", run_id: "run_other" });
    expect(await rows("SELECT * FROM cycle_runs")).toEqual([]);
  });

  test("records a run with a failed tenant as failed", async () => {
    await execute("UPDATE tenants_master SET plan_id = 'nowhere'");
    await send(createWorld(), "/cycle-close", { method: "POST" });
    expect(await rows("SELECT status FROM job_runs")).toEqual([{ status: "failed" }]);
  });
});

describe("every guarded route", () => {
  test.each([
    ["POST", "/cycle-close"],
    ["GET", `/cycle-close/preview?tenant_id=t1&cycle=${CYCLE}`],
    ["GET", "/cycle-close/charges?status=rejected"],
    ["POST", `/cycle-close/charges/prego_${"0".repeat(40)}/resend`],
    ["GET", `/cycle-close/explain?tenant_id=t1&meter_key=api_requests&cycle=${CYCLE}`],
  ])("answers 401 without the key and 503 while no key is configured: %s %s", async (method, path) => {
    const world = createWorld();
    expect((await send(world, path, { method, key: null })).status).toBe(401);
    expect((await send(world, path, { method, key: "wrong" })).status).toBe(401);
    expect((await send(world, path, { method, bindings: { INTERNAL_API_KEY: " " } })).status).toBe(503);
  });

  test.each([
    "/cycle-close/preview?tenant_id=t1&cycle=2026-13",
    "/cycle-close/preview?tenant_id=../x&cycle=2026-11",
    "/cycle-close/preview?tenant_id=t1",
    "/cycle-close/preview?tenant_id=t1&cycle=2026-11&unknown=1",
    "/cycle-close/explain?tenant_id=t1&cycle=2026-11",
    "/cycle-close/explain?tenant_id=t1&meter_key=API&cycle=2026-11",
    "/cycle-close/explain?tenant_id=t1&meter_key=api&cycle=2026-11&recompute=yes",
  ])("refuses a malformed query with 400: %s", async (path) => {
    expect((await send(createWorld(), path)).status).toBe(400);
  });
});

describe("GET /health", () => {
  test("names what is missing and counts what waits for an operator", async () => {
    const world = createWorld();
    expect(await (await send(world, "/health", { key: null })).json()).toMatchObject({
      status: "ok",
      missing: [],
      notes: [],
    });
    await execute("UPDATE tenants_master SET plan_id = 'nowhere'");
    await seedObject("t1", { status: "quarantined" });
    await send(world, "/cycle-close", { method: "POST" });
    const response = await send(world, "/health", { key: null, bindings: { STRIPE_SECRET_KEY: "" } });
    expect(await response.json()).toMatchObject({
      status: "degraded",
      missing: ["STRIPE_SECRET_KEY"],
      notes: ["1 usage objects are quarantined", "1 cycles are being closed"],
    });
  });
});

describe("the crons", () => {
  test("do what was due at their scheduled time, even when they come late", async () => {
    const world = createWorld(Date.parse("2027-01-05T00:00:00Z"));
    const request = {
      trigger: "cron",
      dueAtMs: Date.parse("2026-12-01T00:00:00Z"),
      actor: "cron:cycle-close",
    } as const;
    const first = await startClose(env, world.runtime, request);
    expect(first).toMatchObject({ report: { cycles: [{ cycle: CYCLE, status: "waiting", waiting_for: "grace" }] } });
    const resume = { ...request, dueAtMs: Date.parse("2026-12-01T00:30:00Z") };
    expect(await startClose(env, world.runtime, resume)).toMatchObject({ report: { cycles: [{ status: "closed" }] } });
    expect(await rows("SELECT cycle FROM cycle_runs")).toEqual([{ cycle: CYCLE }]);
  });
});

describe("GET /openapi.json", () => {
  test("documents the three routes from the schemas that validate them", async () => {
    const document = await (await send(createWorld(), "/openapi.json", { key: null })).json<{ paths: object }>();
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(["/cycle-close", "/cycle-close/preview", "/cycle-close/explain"]),
    );
    expect(document.paths).toMatchObject({
      "/cycle-close/explain": {
        get: { parameters: expect.arrayContaining([expect.objectContaining({ name: "meter_key" })]) },
      },
    });
  });
});
