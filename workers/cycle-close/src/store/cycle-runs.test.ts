import { beforeEach, describe, expect, test } from "vitest";
import { CLOSE_MS, createWorld, CYCLE, env } from "../cycle-close-test-kit.ts";
import { execute, resetDatabase, rows, seedObject, seedPlan, seedTenant } from "../seed-test-kit.ts";
import { createDeps } from "../deps.ts";
import { boundRun, type CycleRun, findRun, finishRun, openRun, startClosing, startSending } from "./cycle-runs.ts";

const { db } = createDeps(env, createWorld().runtime);
const record = { audit: [], trace: [] };
const open = (): Promise<boolean> => openRun(db, { cycle: CYCLE, nowMs: CLOSE_MS, traceId: "trace_x" }, record);

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
    expect(await startClosing(db, await current(), record)).toBe(false);
    await boundRun(db, CYCLE, CLOSE_MS, record);
    expect(await startClosing(db, await current(), record)).toBe(false);
    await execute("UPDATE usage_objects SET status = 'done'");
    expect([await startClosing(db, await current(), record), await startClosing(db, await current(), record)]).toEqual([
      true,
      false,
    ]);
  });

  test("does not end closing while a tenant is missing, nor the cycle while a charge is pending", async () => {
    await seedTenant("t1");
    await open();
    await boundRun(db, CYCLE, CLOSE_MS, record);
    await startClosing(db, await current(), record);
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
    await startClosing(db, await current(), record);
    expect(await rows("SELECT tenants_planned FROM cycle_runs")).toEqual([{ tenants_planned: 2 }]);
  });
});
