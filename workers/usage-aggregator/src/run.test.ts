import { describe, expect, it } from "vitest";
import {
  aggregate,
  createTestDeps,
  env,
  execute,
  HOUR,
  jobRun,
  line,
  NOW_MS,
  objectsOf,
  rollupsOf,
  rows,
  seedObject,
  seedTenant,
} from "./aggregator-test-kit.ts";
import { QUEUE_START } from "./plan.ts";

describe("runAggregation", () => {
  it("adds the lines of an object to one rollup per meter and hour", async () => {
    await seedTenant("t_sums");
    await seedObject("t_sums", [
      line({ tenantId: "t_sums", qty: "1.5", at: `${HOUR}:10:00.000Z` }),
      line({ tenantId: "t_sums", qty: "7", at: `${HOUR}:05:00.000Z` }),
      line({ tenantId: "t_sums", qty: "2", at: `${HOUR}:59:59.999Z` }),
      line({ tenantId: "t_sums", meterKey: "data_gb", qty: "0.000001" }),
    ]);
    const report = await aggregate();
    expect(report).toMatchObject({ failed: 0, done: 1, events: 4, rollup_rows: 2, remaining: 0, stopped_early: null });
    expect(await rollupsOf("t_sums")).toEqual([
      {
        meter_key: "api_requests",
        hour: HOUR,
        qty: "10500000",
        events: 3,
        min_qty: "1500000",
        max_qty: "7000000",
        last_qty: "2000000",
        first_event_at: `${HOUR}:05:00.000Z`,
        last_event_at: `${HOUR}:59:59.999Z`,
      },
      expect.objectContaining({ meter_key: "data_gb", qty: "1", events: 1 }),
    ]);
  });

  it("changes nothing when it runs again", async () => {
    await seedTenant("t_again");
    await seedObject("t_again", [line({ tenantId: "t_again" })]);
    await aggregate();
    const before = await rollupsOf("t_again");
    expect(before).toMatchObject([{ qty: "1000000" }]);
    expect(await aggregate()).toMatchObject({ failed: 0, done: 0, rollup_rows: 0 });
    expect(await rollupsOf("t_again")).toEqual(before);
  });

  it("counts each object once when two runs do the same work at once", async () => {
    await seedTenant("t_twice");
    for (let index = 0; index < 6; index += 1) await seedObject("t_twice", [line({ tenantId: "t_twice" })]);
    const reports = await Promise.all([aggregate(createTestDeps()), aggregate(createTestDeps())]);
    expect(reports.map(({ failed }) => failed)).toEqual([0, 0]);
    expect(reports[0].done + reports[1].done).toBe(6);
    expect(await rollupsOf("t_twice")).toMatchObject([{ qty: "6000000", events: 6 }]);
  });

  it("commits what is left when another run takes one object of its group", async () => {
    await seedTenant("t_taken");
    const taken = await seedObject("t_taken", [line({ tenantId: "t_taken", qty: "5" })]);
    await seedObject("t_taken", [line({ tenantId: "t_taken", qty: "3" })]);
    const deps = createTestDeps();
    const { commitGroup } = deps.rollups;
    deps.rollups.commitGroup = async (plan, nowMs) => {
      await execute("UPDATE usage_objects SET status = 'done' WHERE seq = ?", taken.seq);
      await commitGroup(plan, nowMs);
    };
    expect(await aggregate(deps)).toMatchObject({ done: 1, already_done: 1, failed: 0 });
    expect(await rollupsOf("t_taken")).toMatchObject([{ qty: "3000000" }]);
  });

  it("records the first usage of a tenant once on its trace", async () => {
    await seedTenant("t_first");
    await seedObject("t_first", [line({ tenantId: "t_first" })]);
    await aggregate();
    await seedObject("t_first", [line({ tenantId: "t_first" })]);
    await aggregate();
    const trace = await rows("SELECT id, event_type, source, trace_id FROM trace_events WHERE tenant_id = 't_first'");
    expect(trace).toEqual([
      {
        id: "trc_first_usage_t_first",
        event_type: "usage.first_seen",
        source: "usage-aggregator",
        trace_id: "trace_t_first",
      },
    ]);
  });

  it("writes nothing for a tenant that is being purged", async () => {
    await seedTenant("t_purged", "Purging");
    await seedObject("t_purged", [line({ tenantId: "t_purged" })]);
    expect(await aggregate()).toMatchObject({ done: 0, quarantined: 0 });
    expect(await rollupsOf("t_purged")).toEqual([]);
  });

  it("writes nothing for a tenant whose purge begins between reading and committing", async () => {
    await seedTenant("t_leaving");
    await seedTenant("t_staying");
    await seedObject("t_leaving", [line({ tenantId: "t_leaving" })]);
    await seedObject("t_staying", [line({ tenantId: "t_staying" })]);
    const deps = createTestDeps();
    const { findLate } = deps.rollups;
    deps.rollups.findLate = async (objects) => {
      const late = await findLate(objects);
      await execute("UPDATE tenants_master SET status = 'Purging' WHERE tenant_id = 't_leaving'");
      return late;
    };
    expect(await aggregate(deps)).toMatchObject({ done: 1, already_done: 1, failed: 0 });
    expect(await rollupsOf("t_leaving")).toEqual([]);
    expect(await rollupsOf("t_staying")).toHaveLength(1);
  });

  it("finishes more objects and meters than one commit or statement takes", async () => {
    await seedTenant("t_many");
    for (let index = 0; index < 130; index += 1) await seedObject("t_many", [line({ tenantId: "t_many" })]);
    const meters = Array.from({ length: 4_500 }, (_, index) => line({ tenantId: "t_many", meterKey: `m${index}` }));
    await seedObject("t_many", meters);
    await seedObject("t_many", meters.slice(0, 300));
    expect(await aggregate()).toMatchObject({ done: 132, events: 4_930, failed: 0, remaining: 0 });
    const [total] = await rows(
      "SELECT count(*) AS meters, sum(events) AS events FROM usage_rollups WHERE tenant_id = 't_many'",
    );
    expect(total).toEqual({ meters: 4_501, events: 4_930 });
  });

  it("takes no new work after its deadline, and the next run carries on", async () => {
    await seedTenant("t_late");
    for (let index = 0; index < 9; index += 1) await seedObject("t_late", [line({ tenantId: "t_late" })]);
    const deps = createTestDeps();
    let reads = 0;
    const { open } = deps.raw;
    deps.raw.open = (key) => {
      reads += 1;
      return open(key);
    };
    const late = { ...deps, now: () => (reads >= 4 ? NOW_MS + 120_000 : NOW_MS) };
    expect(await aggregate(late)).toMatchObject({ stopped_early: "deadline", done: 4, remaining: 5, failed: 0 });
    expect(await aggregate(deps, jobRun({ dueAtMs: NOW_MS - 86_400_000 }))).toMatchObject({ done: 5, remaining: 0 });
    expect(await rollupsOf("t_late")).toMatchObject([{ events: 9 }]);
  });

  it("stops before D1's limit of queries", async () => {
    await seedTenant("t_queries");
    await seedObject("t_queries", [line({ tenantId: "t_queries" })]);
    const deps = createTestDeps();
    expect(await aggregate({ ...deps, statements: () => 841 })).toMatchObject({ stopped_early: "statements", done: 0 });
    expect(await aggregate()).toMatchObject({ done: 1 });
  });

  it("leaves objects waiting when R2 does not answer, and counts the others", async () => {
    await seedTenant("t_unread");
    const unread = await seedObject("t_unread", [line({ tenantId: "t_unread", qty: "5" })]);
    await seedObject("t_unread", [line({ tenantId: "t_unread", qty: "3" })]);
    const deps = createTestDeps();
    const { open } = deps.raw;
    deps.raw.open = (key) => (key === unread.key ? Promise.reject(new Error("internal error (10001)")) : open(key));
    expect(await aggregate(deps)).toMatchObject({ failed: 1, done: 1, quarantined: 0, failures: { object_unread: 1 } });
    expect(await objectsOf("t_unread")).toMatchObject([{ status: "pending" }, { status: "done" }]);
    await aggregate();
    expect(await rollupsOf("t_unread")).toMatchObject([{ qty: "8000000" }]);
  });

  it("does the same statements for new objects whatever has piled up", async () => {
    await seedTenant("t_new");
    const seedNew = async (): Promise<void> => {
      for (let index = 0; index < 10; index += 1) await seedObject("t_new", [line({ tenantId: "t_new" })]);
    };
    await aggregate();
    await seedNew();
    const few = await aggregate(createTestDeps());
    await execute(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
      INSERT INTO usage_objects (r2_key, tenant_id, hour, events, bytes, sha256, status, created_at)
      SELECT 'old/' || i, 't_old', '2026-10-01T00', 1, 1, '', 'done', '2026-10-01' FROM n`);
    await seedNew();
    const many = await aggregate(createTestDeps());
    expect(many).toMatchObject({ done: 10, statements: few.statements });
  });

  it("finds waiting objects, and those that failed, through their partial indexes", async () => {
    const queries: string[] = [];
    const DB = new Proxy(env.DB, {
      get: (target, name) =>
        name === "prepare"
          ? (query: string) => {
              queries.push(query);
              return target.prepare(query);
            }
          : Reflect.get(target, name),
    });
    await createTestDeps({ DB }).objects.findPending(QUEUE_START);
    const plans = queries.map(async (query) => {
      const parameters = Array.from({ length: query.split("?").length - 1 }, () => "[]");
      return (await rows<{ detail: string }>(`EXPLAIN QUERY PLAN ${query}`, ...parameters))[0]?.detail;
    });
    expect(await Promise.all(plans)).toEqual([
      "SEARCH usage_objects USING INDEX usage_objects_pending (seq>?)",
      "SEARCH usage_objects USING INDEX usage_objects_failed (failures>?)",
    ]);
  });
});
