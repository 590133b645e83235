import { describe, expect, it } from "vitest";
import {
  aggregate,
  createTestDeps,
  line,
  NOW_MS,
  objectsOf,
  rollupsOf,
  rows,
  runJob,
  type SeededObject,
  seedObject,
  seedTenant,
  withPagesOf,
} from "./aggregator-test-kit.ts";
import type { Deps } from "./deps.ts";
import { previewAggregation } from "./dry-run.ts";

interface Broken {
  deps: Deps;
  opened: string[];
}

/** R2 that answers reads of these objects with an error, or every read without them. */
function breakReads(keys?: ReadonlySet<string>): Broken {
  const deps = createTestDeps();
  const { open } = deps.raw;
  const opened: string[] = [];
  deps.raw.open = (key) => {
    opened.push(key);
    return keys === undefined || keys.has(key) ? Promise.reject(new Error("internal error (10001)")) : open(key);
  };
  return { deps, opened };
}

async function seedMany(tenantId: string, count: number, withRow = true): Promise<SeededObject[]> {
  await seedTenant(tenantId);
  const objects: SeededObject[] = [];
  for (let index = 0; index < count; index += 1) {
    objects.push(await seedObject(tenantId, [line({ tenantId })], withRow ? {} : { row: null }));
  }
  return objects;
}

const keysOf = (objects: readonly SeededObject[]): Set<string> => new Set(objects.map(({ key }) => key));

const countPending = async (tenantId: string): Promise<number> =>
  (await objectsOf(tenantId)).filter(({ status }) => status === "pending").length;

describe("objects that R2 does not give out", () => {
  it("hold up no object of another tenant, and are counted once they can be read", async () => {
    const bad = keysOf(await seedMany("t_bad", 4));
    await seedMany("t_good", 20);
    const report = await aggregate(breakReads(bad).deps);
    expect(report).toMatchObject({ done: 20, failed: 4, remaining: 4, stopped_early: null });
    expect(report.reconcile).not.toBeNull();
    expect(await rollupsOf("t_good")).toMatchObject([{ events: 20 }]);
    expect(await aggregate()).toMatchObject({ done: 4, failed: 0, remaining: 0 });
    expect(await rollupsOf("t_bad")).toMatchObject([{ events: 4 }]);
  });

  it("are tried behind those that never failed, however many they are", async () => {
    const bad = keysOf(await seedMany("t_bad_many", 90));
    await seedMany("t_good_behind", 20);
    const dones: number[] = [];
    for (let run = 0; run < 3; run += 1) dones.push((await aggregate(breakReads(bad).deps)).done);
    expect(dones).toEqual([0, 0, 20]);
    await seedMany("t_good_new", 20);
    expect(await aggregate(breakReads(bad).deps)).toMatchObject({ done: 20, stopped_early: "failures" });
    expect(await aggregate()).toMatchObject({ done: 90, remaining: 0 });
  });

  it("are read in turn: the next run begins with those that failed least", async () => {
    await seedMany("t_turns", 60);
    const first = breakReads();
    await aggregate(first.deps);
    const second = breakReads();
    await aggregate(second.deps);
    expect(new Set([...first.opened, ...second.opened]).size).toBe(60);
    expect(await aggregate()).toMatchObject({ done: 60 });
  });

  it("end the run early when none can be read, and nothing is lost", async () => {
    await seedMany("t_down", 60);
    const { deps, opened } = breakReads();
    expect(await aggregate(deps)).toMatchObject({ stopped_early: "failures", done: 0, failed: 40, remaining: 60 });
    expect(opened).toHaveLength(40);
    expect(await countPending("t_down")).toBe(60);
    expect(await aggregate()).toMatchObject({ done: 60, failed: 0, remaining: 0 });
    expect(await rollupsOf("t_down")).toMatchObject([{ events: 60 }]);
  });

  it("are named by a dry run, which plans the others", async () => {
    const bad = keysOf(await seedMany("t_dry_bad", 2));
    await seedMany("t_dry_good", 3);
    const plan = await previewAggregation(breakReads(bad).deps, NOW_MS);
    expect(plan).toMatchObject({ objects_read: 5, would_finish: 3, unread: 2 });
    expect(await aggregate()).toMatchObject({ done: 5 });
  });
});

describe("tenants whose objects cannot be committed", () => {
  it("hold up no other tenant", async () => {
    await seedMany("t_poison", 4);
    await seedMany("t_healthy", 20);
    const deps = createTestDeps();
    const { commitGroup } = deps.rollups;
    deps.rollups.commitGroup = (plan, nowMs) =>
      plan.tenantIds.includes("t_poison")
        ? Promise.reject(new Error("D1_ERROR: too many SQL variables: SQLITE_ERROR"))
        : commitGroup(plan, nowMs);
    await aggregate(deps);
    await aggregate(deps);
    expect(await rollupsOf("t_healthy")).toMatchObject([{ events: 20 }]);
    expect(await aggregate()).toMatchObject({ done: 4, remaining: 0 });
  });
});

describe("objects without a row that R2 does not give out", () => {
  it("hold up no other's adoption, and are adopted by the next pass that can read them", async () => {
    const bad = keysOf(await seedMany("t_a_lost", 4, false));
    await seedMany("t_b_found", 20, false);
    const { reconcile } = await runJob(breakReads(bad).deps, 1);
    expect(reconcile).toMatchObject({ adopted: 20, unread: 4, finished: true });
    expect((await runJob(createTestDeps(), 2)).reconcile).toMatchObject({ adopted: 4, unread: 0, finished: true });
  });

  it("are passed over by the next run of the pass, when this one gave up on them", async () => {
    const bad = keysOf(await seedMany("t_a_many", 90, false));
    await seedMany("t_b_many", 20, false);
    const adopted: number[] = [];
    for (let run = 0; run < 3; run += 1) {
      const { reconcile } = await runJob(breakReads(bad).deps, 3);
      adopted.push(reconcile?.adopted ?? -1);
      expect(reconcile?.finished).toBe(run === 2);
    }
    expect(adopted).toEqual([0, 0, 20]);
    expect((await runJob(createTestDeps(), 4)).reconcile).toMatchObject({ adopted: 90, finished: true });
    await aggregate();
    expect(await rows("SELECT 1 FROM usage_objects WHERE status = 'pending'")).toEqual([]);
  });

  it("are passed over on as many pages as they fill", async () => {
    const bad = keysOf(await seedMany("t_c_many", 90, false));
    await seedMany("t_d_many", 20, false);
    const adopted: number[] = [];
    for (let run = 0; run < 3; run += 1) {
      adopted.push((await runJob(withPagesOf(30, breakReads(bad).deps), 5)).reconcile?.adopted ?? -1);
    }
    expect(adopted).toEqual([0, 0, 20]);
    expect((await runJob(createTestDeps(), 6)).reconcile).toMatchObject({ adopted: 90, finished: true });
  });
});
