import { expect, test } from "vitest";
import { bucket, createTestRuntime, database, listAll, query, runOnce, snapshot } from "./purge-test-kit.ts";
import { seedData, seedTenant } from "./seed-test-kit.ts";

const OBJECTS = 2_500;
const ROWS = 9_000;

test(
  "a tenant of many objects and rows is purged over several runs, each stopping at its deadline",
  { timeout: 120_000 },
  async () => {
    await seedTenant("big");
    await seedTenant("big2", { status: "Active" });
    await seedData("big2");
    const other = await snapshot("big2");
    for (let from = 0; from < OBJECTS; from += 250) {
      await Promise.all(
        Array.from({ length: 250 }, (_, index) =>
          bucket.put(
            `usage_raw/tenant_id=big/dt=2026-10-01/hour=00/${String(from + index).padStart(5, "0")}.jsonl`,
            "{}",
          ),
        ),
      );
    }
    await database
      .prepare(
        `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO usage_rollups (tenant_id, meter_key, hour, qty, events, first_event_at, last_event_at, updated_at)
       SELECT 'big', 'meter_' || i, '2026-10-01T00', 1, 1, 'x', 'x', 'x' FROM n`,
      )
      .bind(ROWS)
      .run();

    const runtime = createTestRuntime();
    let runs = 0;
    let left = OBJECTS;
    for (let isDone = false; !isDone && runs < 50; runs += 1) {
      runtime.clock.stepMs = 20_000;
      const report = await runOnce(runtime);
      runtime.clock.stepMs = 0;
      expect(report).toMatchObject({ failed: 0, waiting: 0 });
      isDone = report.completed === 1;
      expect(report.stopped_early || isDone).toBe(true);
      const objects = (await listAll("usage_raw/tenant_id=big/")).length;
      expect(objects).toBeLessThanOrEqual(left);
      left = objects;
    }
    expect(runs).toBeGreaterThan(2);
    expect(runs).toBeLessThan(50);
    expect(left).toBe(0);
    expect(
      await query("SELECT step, planned, deleted, relisted FROM purge_steps WHERE planned > 1 ORDER BY position"),
    ).toEqual([
      { step: "r2_usage", planned: OBJECTS, deleted: OBJECTS, relisted: 0 },
      { step: "usage_rollups", planned: ROWS, deleted: ROWS, relisted: 0 },
    ]);
    expect(await snapshot("big2")).toBe(other);
    expect(await query("SELECT count(*) AS n FROM purge_runs")).toEqual([{ n: 1 }]);
  },
);
