import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import {
  adjustmentsOf,
  aggregate,
  boundCycle,
  createTestDeps,
  env,
  execute,
  HOUR,
  line,
  objectsOf,
  rollupsOf,
  rows,
  seedObject,
  seedTenant,
} from "./aggregator-test-kit.ts";
import { distinctOf, seedUniqueMeter } from "./distinct-test-kit.ts";
import { digestValue } from "./domain/value-reader.ts";

const hourOf = (hour: number): string => `2026-11-21T${String(hour).padStart(2, "0")}`;

/** Puts an object of one hour in which these values were seen. */
const visit = (tenantId: string, values: readonly string[], hour = HOUR) =>
  seedObject(
    tenantId,
    values.map((value) => line({ tenantId, meterKey: "visitors", value, at: `${hour}:30:00.000Z` })),
    { hour },
  );

beforeAll(() => seedUniqueMeter("visitors"));

describe("distinct values", () => {
  it("count once in a cycle, in the first hour that has them, whatever comes again in objects, hours and runs", async () => {
    await seedTenant("t_once");
    await visit("t_once", ["a", "b", "a"], hourOf(3));
    await visit("t_once", ["b", "c"], hourOf(3));
    await visit("t_once", ["a", "d"], hourOf(5));
    expect(await aggregate()).toMatchObject({ done: 3, failed: 0, events_without_value: 0 });
    await visit("t_once", ["a", "c", "e"], hourOf(6));
    await aggregate();
    expect(await aggregate()).toMatchObject({ done: 0 });
    expect((await distinctOf("t_once")).inTime).toEqual([
      ["visitors", hourOf(3), 3],
      ["visitors", hourOf(5), 1],
      ["visitors", hourOf(6), 1],
    ]);
    expect((await rollupsOf("t_once")).map(({ qty, events }) => [qty, events])).toEqual([
      ["5000000", 5],
      ["2000000", 2],
      ["3000000", 3],
    ]);
  });

  it("count in the earliest hour by event time, in whatever order and groups their objects come", async () => {
    const objects: [string[], number][] = [
      [["a", "b", "c"], 9],
      [["a", "d"], 7],
      [["b", "a"], 4],
      [["e", "d", "c"], 4],
      [["f"], 9],
    ];
    const expected = [
      ["visitors", hourOf(4), 5],
      ["visitors", hourOf(9), 1],
    ];
    for (let order = 0; order < 12; order += 1) {
      const tenantId = `t_order_${order}`;
      await seedTenant(tenantId);
      const turned = [...objects.slice(order % 5), ...objects.slice(0, order % 5)];
      for (const [index, [values, hour]] of (order < 6 ? turned : turned.toReversed()).entries()) {
        await visit(tenantId, values, hourOf(hour));
        if (order % 2 === 0 || index === 2) await aggregate();
      }
      await aggregate();
      expect((await distinctOf(tenantId)).inTime, tenantId).toEqual(expected);
    }
  });

  it("count once each for tenants, meters and cycles of their own", async () => {
    await seedUniqueMeter("devices");
    for (const tenantId of ["t_own", "t_own2"]) {
      await seedTenant(tenantId);
      await visit(tenantId, ["a"]);
      await visit(tenantId, ["a"], "2026-10-31T23");
      await seedObject(tenantId, [line({ tenantId, meterKey: "devices", value: "a" })]);
    }
    await aggregate();
    for (const tenantId of ["t_own", "t_own2"]) {
      expect((await distinctOf(tenantId)).inTime).toEqual([
        ["devices", HOUR, 1],
        ["visitors", "2026-10-31T23", 1],
        ["visitors", HOUR, 1],
      ]);
    }
    const digests = [
      digestValue("t1", "m", "a"),
      digestValue("t1", "m.a", ""),
      digestValue("t1", "m", ":a"),
      digestValue("t", "m", "a"),
    ];
    expect(new Set(digests).size).toBe(4);
    expect(digests[0]).toMatch(/^[\w-]{22}$/);
  });

  it("leave nothing but digests in the database", async () => {
    await seedTenant("t_digest");
    await visit("t_digest", ["ada@example.com"]);
    await aggregate();
    const stored = await rows("SELECT * FROM usage_distinct_values WHERE tenant_id = 't_digest'");
    expect(stored).toEqual([
      {
        tenant_id: "t_digest",
        meter_key: "visitors",
        cycle: "2026-11",
        value_digest: digestValue("t_digest", "visitors", "ada@example.com"),
        hour: HOUR,
        is_late: 0,
      },
    ]);
  });

  it("count once when two runs do the same work at once", async () => {
    await seedTenant("t_pair");
    for (let index = 0; index < 6; index += 1) await visit("t_pair", ["a", `v${index}`], hourOf(8 - index));
    const reports = await Promise.all([aggregate(createTestDeps()), aggregate(createTestDeps())]);
    expect(reports[0].done + reports[1].done).toBe(6);
    const { inTime } = await distinctOf("t_pair");
    expect(inTime.map(([, , n]) => n)).toEqual([2, 1, 1, 1, 1, 1]);
  });

  it("of an object put aside are not counted, and are once it is released", async () => {
    await seedTenant("t_aside");
    const named = line({ tenantId: "t_aside", meterKey: "visitors", value: "a" });
    const object = await seedObject("t_aside", [named], { row: { sha256: "00" } });
    expect(await aggregate()).toMatchObject({ quarantined: 1 });
    expect(await rows("SELECT 1 FROM usage_distinct_values WHERE tenant_id = 't_aside'")).toEqual([]);
    const sha256 = createHash("sha256").update(object.text).digest("hex");
    await execute("UPDATE usage_objects SET status = 'pending', sha256 = ? WHERE seq = ?", sha256, object.seq);
    expect(await aggregate()).toMatchObject({ done: 1, failed: 0 });
    expect((await distinctOf("t_aside")).inTime).toEqual([["visitors", HOUR, 1]]);
  });

  it("are no value where an event names none: it is an event, and the report counts it", async () => {
    await seedTenant("t_without");
    const named = line({ tenantId: "t_without", meterKey: "visitors", value: "a" });
    await seedObject("t_without", [line({ tenantId: "t_without", meterKey: "visitors" }), named]);
    expect(await aggregate()).toMatchObject({ done: 1, events_without_value: 1 });
    expect((await distinctOf("t_without")).inTime).toEqual([["visitors", HOUR, 1]]);
    expect(await rollupsOf("t_without")).toMatchObject([{ events: 2 }]);
  });

  it("do not count where an event takes something back, or arrived before its meter was made, whenever it is read", async () => {
    await seedTenant("t_facts");
    await execute("INSERT INTO meters VALUES ('seats', 'S', 'seat', 'unique', NULL, ?)", `${HOUR}:20:00.000Z`);
    const seats = { tenantId: "t_facts", meterKey: "seats" };
    await seedObject("t_facts", [
      line({ ...seats, value: "early", at: `${HOUR}:19:59.999Z` }),
      line({ ...seats, value: "taken back", qty: "-1", at: `${HOUR}:30:00.000Z` }),
      line({ ...seats, value: "counted", at: `${HOUR}:20:00.000Z` }),
    ]);
    expect(await aggregate()).toMatchObject({ done: 1, events_without_value: 2 });
    expect((await distinctOf("t_facts")).inTime).toEqual([["seats", HOUR, 1]]);
  });

  // The lines were read as those of an ordinary meter; committed so, their values would be lost for good.
  it("are read again when their meter begins to count them between reading and committing", async () => {
    await seedTenant("t_begins");
    const object = await seedObject("t_begins", [line({ tenantId: "t_begins", meterKey: "accounts", value: "a" })]);
    const deps = createTestDeps();
    const { findLate } = deps.rollups;
    deps.rollups.findLate = async (objects) => {
      await seedUniqueMeter("accounts");
      return findLate(objects);
    };
    expect(await aggregate(deps)).toMatchObject({ done: 0, failures: { contended: 1 } });
    expect(await objectsOf("t_begins")).toMatchObject([{ seq: object.seq, status: "pending" }]);
    expect(await aggregate()).toMatchObject({ done: 1, failed: 0 });
    expect((await distinctOf("t_begins")).inTime).toEqual([["accounts", HOUR, 1]]);
  });

  it("are not read while it is not known which meters count them", async () => {
    await seedTenant("t_unknown");
    await visit("t_unknown", ["a"]);
    const deps = createTestDeps();
    deps.rollups.findUniqueMeters = () => Promise.reject(new Error("D1_ERROR: Network connection lost."));
    expect(await aggregate(deps)).toMatchObject({ done: 0, failures: { queue: 1 }, remaining: 1 });
    expect(await aggregate()).toMatchObject({ done: 1, failed: 0 });
  });

  it("cost one row each the first time and none after that", async () => {
    await seedTenant("t_rows");
    const values = Array.from({ length: 500 }, (_, index) => `v${index}`);
    let written = 0;
    const DB = new Proxy(env.DB, {
      get: (inner, name) => {
        if (name !== "batch") {
          const member: unknown = Reflect.get(inner, name);
          return typeof member === "function" ? (member.bind(inner) as unknown) : member;
        }
        return async (batch: D1PreparedStatement[]) => {
          const results = await inner.batch(batch);
          for (const { meta } of results) written += meta.rows_written;
          return results;
        };
      },
    });
    const writtenBy = async (): Promise<number> => {
      written = 0;
      expect(await aggregate(createTestDeps({ DB }))).toMatchObject({ done: 1, failed: 0 });
      return written;
    };
    await visit("t_rows", ["first"]);
    await writtenBy();
    await visit("t_rows", ["second"]);
    const one = await writtenBy();
    await visit("t_rows", values);
    expect((await writtenBy()) - one).toBe(values.length - 1);
    await visit("t_rows", values);
    expect(await writtenBy()).toBeLessThanOrEqual(one);
  });

  it("of more than one statement and group are all counted", { timeout: 60_000 }, async () => {
    await seedTenant("t_masses");
    const values = (from: number, count: number) => Array.from({ length: count }, (_, index) => `v${from + index}`);
    await visit("t_masses", values(0, 45_000), hourOf(7));
    for (let part = 0; part < 4; part += 1) await visit("t_masses", values(part * 15_000, 15_000), hourOf(6));
    expect(await aggregate()).toMatchObject({ done: 5, failed: 0 });
    expect((await distinctOf("t_masses")).inTime).toEqual([["visitors", hourOf(6), 60_000]]);
  });

  it("put an object aside that has more than a run can hold", { timeout: 60_000 }, async () => {
    await seedTenant("t_toomany");
    await visit(
      "t_toomany",
      Array.from({ length: 50_001 }, (_, index) => `v${index}`),
    );
    expect(await aggregate()).toMatchObject({ done: 0, quarantined: 1 });
    expect(await objectsOf("t_toomany")).toMatchObject([{ error: "too many distinct values" }]);
  });
});

it("no statement about values reads a table that grows from end to end", async () => {
  await seedTenant("t_plans");
  const hour = "2026-04-30T23";
  await boundCycle("2026-04", 0);
  await visit("t_plans", ["a"]);
  await visit("t_plans", ["a"], hour);
  const texts = new Set<string>();
  const DB = new Proxy(env.DB, {
    get: (inner, name) => {
      const member: unknown = Reflect.get(inner, name);
      if (name !== "prepare") return typeof member === "function" ? (member.bind(inner) as unknown) : member;
      return (query: string) => {
        texts.add(query);
        return inner.prepare(query);
      };
    },
  });
  expect(await aggregate(createTestDeps({ DB }))).toMatchObject({ done: 2, failed: 0, adjustment_rows: 1 });
  const about = [...texts].filter((text) => text.includes("usage_distinct_values"));
  expect(about).toHaveLength(4);
  const steps: string[] = [];
  for (const text of about) {
    const plan = await rows<{ detail: string }>(`EXPLAIN QUERY PLAN ${text}`, "[]");
    steps.push(...plan.map(({ detail }) => detail));
  }
  expect(steps.filter((step) => /^SCAN (known|r|a|usage_)/.test(step))).toEqual([]);
  const byKey = steps.filter((step) => /^SEARCH (known|r|a) USING PRIMARY KEY/.test(step));
  expect(new Set(byKey.map((step) => step.split(" ")[1]))).toEqual(new Set(["a", "known", "r"]));
});

describe("distinct values of a closed cycle", () => {
  const late = "2026-01-31T23";

  it("are billed late where the cycle did not have them, each by the first object that brings it", async () => {
    await seedTenant("t_late");
    const inTime = await visit("t_late", ["a", "b"], late);
    await boundCycle("2026-01", inTime.seq);
    await visit("t_late", ["a", "c", "c"], late);
    await visit("t_late", ["c", "d", "b"], "2026-01-31T22");
    await visit("t_late", ["a"], late);
    expect(await aggregate()).toMatchObject({ done: 4, failed: 0, adjustment_rows: 3 });
    await visit("t_late", ["d", "e"], late);
    await visit("t_late", ["e", "f"], late);
    await aggregate();
    const adjustments = await adjustmentsOf("t_late");
    const billed = adjustments.map(({ qty, events }) => `${String(qty)} by ${String(events)}`);
    expect(billed.toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      "0 by 1",
      "1000000 by 2",
      "1000000 by 2",
      "1000000 by 3",
      "1000000 by 3",
    ]);
    expect(await distinctOf("t_late")).toEqual({ inTime: [["visitors", late, 2]], late: [["2026-01", 4]] });
  });

  it("count once when the object in time comes only after the late one", async () => {
    await seedTenant("t_overtaken");
    await boundCycle("2026-02", 0);
    const hour = "2026-02-28T23";
    await visit("t_overtaken", ["a", "b"], hour);
    await aggregate();
    await execute("UPDATE cycle_runs SET stored_seq_bound = NULL WHERE cycle = '2026-02'");
    await visit("t_overtaken", ["b", "c"], "2026-02-28T20");
    await aggregate();
    expect(await adjustmentsOf("t_overtaken")).toMatchObject([{ qty: "2000000" }]);
    expect(await distinctOf("t_overtaken")).toEqual({
      inTime: [["visitors", "2026-02-28T20", 1]],
      late: [["2026-02", 2]],
    });
  });

  it("count once when a cycle is bound between reading and committing", async () => {
    await seedTenant("t_bound");
    const hour = "2026-03-31T23";
    const before = await visit("t_bound", ["a", "b"], hour);
    await visit("t_bound", ["b", "c"], hour);
    const deps = createTestDeps();
    const { commitGroup } = deps.rollups;
    let commits = 0;
    deps.rollups.commitGroup = async (plan, nowMs) => {
      commits += 1;
      if (commits === 1) await boundCycle("2026-03", before.seq);
      await commitGroup(plan, nowMs);
    };
    expect(await aggregate(deps)).toMatchObject({ done: 2, failed: 0 });
    expect(commits).toBe(2);
    expect(await adjustmentsOf("t_bound")).toMatchObject([{ qty: "1000000", events: 2 }]);
    expect(await distinctOf("t_bound")).toEqual({ inTime: [["visitors", hour, 2]], late: [["2026-03", 1]] });
  });
});
