import { describe, expect, it } from "vitest";
import {
  adjustmentsOf,
  aggregate,
  boundCycle,
  createTestDeps,
  line,
  rollupsOf,
  seedObject,
  seedTenant,
} from "./aggregator-test-kit.ts";

const inHour = (tenantId: string, hour: string, more: { meterKey?: string; qty?: string } = {}): string =>
  line({ tenantId, at: `${hour}:30:00.000Z`, ...more });

describe("usage of a cycle with a stored bound", () => {
  it("goes to the rollups up to the bound and to one adjustment per meter after it, with its largest and last value", async () => {
    await seedTenant("t_bound");
    const hour = "2026-01-31T23";
    const inTime = await seedObject("t_bound", [inHour("t_bound", hour, { qty: "2" })], { hour });
    const late = await seedObject(
      "t_bound",
      [
        inHour("t_bound", hour, { qty: "3" }),
        line({ tenantId: "t_bound", at: `${hour}:10:00.000Z`, qty: "4.5" }),
        inHour("t_bound", hour, { meterKey: "data_gb", qty: "-0.5" }),
      ],
      { hour },
    );
    await boundCycle("2026-01", inTime.seq);
    expect(await aggregate()).toMatchObject({ done: 2, rollup_rows: 1, adjustment_rows: 2, late_events: 3, failed: 0 });
    expect(await rollupsOf("t_bound")).toMatchObject([{ meter_key: "api_requests", hour, qty: "2000000" }]);
    const lastAt = `${hour}:30:00.000Z`;
    const corrected = { corrected_cycle: "2026-01", r2_key: late.key, billed_cycle: null, last_event_at: lastAt };
    expect(await adjustmentsOf("t_bound")).toEqual([
      { meter_key: "api_requests", qty: "7500000", events: 2, max_qty: "4500000", last_qty: "3000000", ...corrected },
      { meter_key: "data_gb", qty: "-500000", events: 1, max_qty: "-500000", last_qty: "-500000", ...corrected },
    ]);
  });

  it("does not touch the cycles before and after it", async () => {
    await seedTenant("t_neighbours");
    for (const hour of ["2026-02-28T23", "2026-03-31T23", "2026-04-01T00"]) {
      await seedObject("t_neighbours", [inHour("t_neighbours", hour)], { hour });
    }
    await boundCycle("2026-03", 0);
    expect(await aggregate()).toMatchObject({ done: 3, rollup_rows: 2, adjustment_rows: 1 });
    expect((await rollupsOf("t_neighbours")).map(({ hour }) => hour)).toEqual(["2026-02-28T23", "2026-04-01T00"]);
  });

  it("is late when its cycle is older than every one that was opened, since that will never be closed", async () => {
    await seedTenant("t_older");
    await boundCycle("2026-01", 0);
    for (const hour of ["2025-12-31T23", "2026-06-01T00"]) {
      await seedObject("t_older", [inHour("t_older", hour)], { hour });
    }
    expect(await aggregate()).toMatchObject({ done: 2, rollup_rows: 1, adjustment_rows: 1, failed: 0 });
    expect((await rollupsOf("t_older")).map(({ hour }) => hour)).toEqual(["2026-06-01T00"]);
    expect(await adjustmentsOf("t_older")).toMatchObject([{ corrected_cycle: "2025-12", billed_cycle: null }]);
  });

  it("goes to the rollups while the bound is not set", async () => {
    await seedTenant("t_waiting");
    const hour = "2026-05-31T23";
    await boundCycle("2026-05", null);
    await seedObject("t_waiting", [inHour("t_waiting", hour)], { hour });
    expect(await aggregate()).toMatchObject({ rollup_rows: 1, adjustment_rows: 0 });
  });

  // The close may fix its bound at any moment: what it counted must never change after that.
  it("is planned again when the bound is set between reading and committing", async () => {
    await seedTenant("t_race");
    const hour = "2026-06-30T23";
    const before = await seedObject("t_race", [inHour("t_race", hour, { qty: "1" })], { hour });
    await seedObject("t_race", [inHour("t_race", hour, { qty: "2" })], { hour });
    const deps = createTestDeps();
    const { commitGroup } = deps.rollups;
    let commits = 0;
    deps.rollups.commitGroup = async (plan, nowMs) => {
      commits += 1;
      if (commits === 1) await boundCycle("2026-06", before.seq);
      await commitGroup(plan, nowMs);
    };
    expect(await aggregate(deps)).toMatchObject({ done: 2, rollup_rows: 1, adjustment_rows: 1, failed: 0 });
    expect(commits).toBe(2);
    expect(await rollupsOf("t_race")).toMatchObject([{ qty: "1000000" }]);
    expect(await adjustmentsOf("t_race")).toMatchObject([{ qty: "2000000" }]);
  });

  it("leaves a group that is overtaken every time to the next run", async () => {
    await seedTenant("t_contended");
    const hour = "2026-07-31T23";
    const object = await seedObject("t_contended", [inHour("t_contended", hour)], { hour });
    const deps = createTestDeps();
    const { findLate } = deps.rollups;
    await boundCycle("2026-07", object.seq - 1);
    deps.rollups.findLate = () => Promise.resolve(new Set());
    expect(await aggregate(deps)).toMatchObject({ done: 0, failed: 1, failures: { contended: 1 } });
    expect(await rollupsOf("t_contended")).toEqual([]);
    deps.rollups.findLate = findLate;
    expect(await aggregate(deps)).toMatchObject({ done: 1, adjustment_rows: 1 });
  });
});
