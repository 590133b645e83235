import { beforeEach, describe, expect, test } from "vitest";
import { CLOSE_MS, createWorld, CYCLE, DAY_MS, env } from "../cycle-close-test-kit.ts";
import { execute, resetDatabase, rows, seedObject, seedPlan, seedTenant } from "../seed-test-kit.ts";
import { createDeps } from "../deps.ts";
import {
  boundRun,
  countObjects,
  type CycleRun,
  findRun,
  finishRun,
  openRun,
  startClosing,
  startSending,
} from "./cycle-runs.ts";

const { db } = createDeps(env, createWorld().runtime);
const record = { audit: [], trace: [] };
const open = (): Promise<boolean> => openRun(db, { cycle: CYCLE, nowMs: CLOSE_MS, traceId: "trace_x" }, record);

const begin = async (nowMs = CLOSE_MS): Promise<boolean> => startClosing(db, { run: await current(), nowMs }, record);

async function current(): Promise<CycleRun> {
  const run = await findRun(db, CYCLE);
  if (run === undefined) throw new Error("no run");
  return run;
}

beforeEach(async () => {
  await resetDatabase();
  await seedPlan("basic", { meters: { api: {} } });
});

describe("a cycle's run", () => {
  test("opens once and is bounded once, by the database's order of storing", async () => {
    await seedObject("t1", { key: "a", status: "done" });
    expect([await open(), await open()]).toEqual([true, false]);
    expect(await boundRun(db, CYCLE, CLOSE_MS, record)).toBe(true);
    const { storedSeqBound } = await current();
    await seedObject("t1", { key: "b" });
    expect(await boundRun(db, CYCLE, CLOSE_MS + 1, record)).toBe(false);
    expect(await current()).toMatchObject({ storedSeqBound, boundedAt: "2026-12-01T00:40:00.000Z" });
  });

  test("does not begin to close before it is bounded, nor while an object up to the bound is pending", async () => {
    await seedObject("t1");
    await open();
    expect(await begin()).toBe(false);
    await boundRun(db, CYCLE, CLOSE_MS, record);
    expect(await begin()).toBe(false);
    await execute("UPDATE usage_objects SET status = 'done'");
    expect([await begin(), await begin()]).toEqual([true, false]);
  });

  test("waits for an object of an unknown tenant, and for none of a tenant whose purge has begun", async () => {
    await seedTenant("t1", { status: "Purging" });
    await seedObject("t1");
    await seedObject("unknown", { key: "u" });
    await open();
    await boundRun(db, CYCLE, CLOSE_MS, record);
    expect(await countObjects(db, await current())).toEqual({ pending: 1, quarantined: 0 });
    expect(await begin()).toBe(false);
    await execute("UPDATE usage_objects SET status = 'quarantined' WHERE tenant_id = 'unknown'");
    expect(await begin()).toBe(true);
  });

  test("waits a day for an object that is never counted, and no longer", async () => {
    await seedObject("t1");
    await open();
    await boundRun(db, CYCLE, CLOSE_MS, record);
    expect(await begin(CLOSE_MS + DAY_MS - 1)).toBe(false);
    expect(await begin(CLOSE_MS + DAY_MS)).toBe(true);
  });

  test("is not the first one while usage of an older month is stored, and may follow an older one", async () => {
    await seedObject("t1", { hour: "2026-10-31T23" });
    expect(await open()).toBe(false);
    expect(await openRun(db, { cycle: "2026-10", nowMs: CLOSE_MS, traceId: "trace_x" }, record)).toBe(true);
    expect(await open()).toBe(true);
  });

  test("does not end closing while a tenant is missing, nor the cycle while a charge is pending", async () => {
    await seedTenant("t1");
    await open();
    await boundRun(db, CYCLE, CLOSE_MS, record);
    await begin();
    expect(await startSending(db, await current(), record)).toBe(false);
    await execute("UPDATE tenants_master SET status = 'Purged'");
    expect(await startSending(db, await current(), record)).toBe(true);
    await execute(
      `INSERT INTO stripe_usage_outbox (tenant_id, meter_key, cycle, corrected_cycle, mode, identifier, payload_json, status,
        next_attempt_at, created_at, updated_at) VALUES ('t1', 'api', ?1, ?1, 'invoice_item', 'x', '{}', 'pending', '', '', '')`,
      CYCLE,
    );
    expect(await finishRun(db, CYCLE, CLOSE_MS, record)).toBe(false);
    await execute("UPDATE stripe_usage_outbox SET status = 'rejected'");
    expect(await finishRun(db, CYCLE, CLOSE_MS, record)).toBe(true);
  });

  test("counts tenants that came after the cycle while its usage could still be stored, and none that came later", async () => {
    for (const [tenant, createdAt] of [
      ["before", "2026-11-30T00:00:00.000Z"],
      ["within", "2026-12-01T00:39:59.999Z"],
      ["after", "2026-12-01T01:00:00.000Z"],
    ] as const) {
      await seedTenant(tenant, { createdAt });
    }
    await open();
    await boundRun(db, CYCLE, CLOSE_MS, record);
    await begin();
    expect(await rows("SELECT tenants_planned FROM cycle_runs")).toEqual([{ tenants_planned: 2 }]);
  });
});
