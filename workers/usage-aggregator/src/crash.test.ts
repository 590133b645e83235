import { describe, expect, it } from "vitest";
import {
  adjustmentsOf,
  aggregate,
  boundCycle,
  createTestDeps,
  env,
  HOUR,
  jobRun,
  line,
  objectsOf,
  rollupsOf,
  rows,
  seedObject,
  seedTenant,
} from "./aggregator-test-kit.ts";
import { distinctOf, seedUniqueMeter } from "./distinct-test-kit.ts";

type Mode = "before" | "after" | "crash_before" | "crash_after";
const MODES: readonly Mode[] = ["before", "after", "crash_before", "crash_after"];
const LOST = "D1_ERROR: Network connection lost.";
const CALLS_MAX = 100;

/** Lets the n-th call of D1 and R2 go wrong: without effect, with its answer lost, or with every call after it. */
class Faults {
  calls = 0;
  struck = false;
  readonly #at: number;
  readonly #mode: Mode;

  constructor(at: number, mode: Mode) {
    this.#at = at;
    this.#mode = mode;
  }

  async pass(effect: () => Promise<unknown>): Promise<unknown> {
    this.calls += 1;
    if (this.struck && this.#mode.startsWith("crash")) throw new Error(LOST);
    if (this.calls !== this.#at) return effect();
    this.struck = true;
    if (this.#mode.endsWith("after")) await effect();
    throw new Error(LOST);
  }

  bindings(): Pick<typeof env, "DB" | "BUCKET"> {
    const statements = new WeakMap<object, D1PreparedStatement>();
    const track = (statement: D1PreparedStatement): D1PreparedStatement => {
      const proxy = new Proxy(statement, {
        get: (inner, name) => {
          const member: unknown = Reflect.get(inner, name);
          if (typeof member !== "function") return member;
          const call = (args: unknown[]): unknown => Reflect.apply(member, inner, args);
          return name === "bind"
            ? (...args: unknown[]) => track(call(args) as D1PreparedStatement)
            : (...args: unknown[]) => this.pass(() => Promise.resolve(call(args)));
        },
      });
      statements.set(proxy, statement);
      return proxy;
    };
    const DB = new Proxy(env.DB, {
      get: (inner, name) => {
        if (name === "prepare") return (query: string) => track(inner.prepare(query));
        if (name === "batch") {
          return (batch: D1PreparedStatement[]) =>
            this.pass(() => inner.batch(batch.map((each) => statements.get(each) ?? each)));
        }
        return Reflect.get(inner, name) as unknown;
      },
    });
    const BUCKET = new Proxy(env.BUCKET, {
      get: (inner, name) => {
        const call = (args: unknown[]): unknown =>
          Reflect.apply(Reflect.get(inner, name) as () => unknown, inner, args);
        return (...args: unknown[]) => this.pass(() => Promise.resolve(call(args)));
      },
    });
    return { DB, BUCKET };
  }
}

async function seedScenario(tenantId: string): Promise<void> {
  await seedTenant(tenantId);
  const at = "2026-09-30T23:10:00.000Z";
  const visit = (value: string, when?: string): string =>
    line({ tenantId, meterKey: "visitors", value, ...(when === undefined ? {} : { at: when }) });
  await seedObject(tenantId, [line({ tenantId, qty: "1.5" }), line({ tenantId, qty: "2" }), visit("a"), visit("b")]);
  await seedObject(tenantId, [line({ tenantId, qty: "4" }), visit("b")]);
  await seedObject(tenantId, ["not a line"]);
  await seedObject(tenantId, [line({ tenantId, qty: "8", at }), visit("b", at)], { hour: "2026-09-30T23" });
  await seedObject(tenantId, [line({ tenantId, qty: "16" }), visit("c")], { row: null });
}

async function checkScenario(tenantId: string, point: string): Promise<void> {
  expect(await objectsOf(tenantId), point).toMatchObject([
    { status: "done" },
    { status: "done" },
    { status: "quarantined" },
    { status: "done" },
    { status: "done" },
  ]);
  expect(await rollupsOf(tenantId), point).toMatchObject([
    { qty: "23500000", events: 4 },
    { meter_key: "visitors", events: 4 },
  ]);
  expect(await adjustmentsOf(tenantId), point).toMatchObject([
    { qty: "8000000", events: 1 },
    { meter_key: "visitors", qty: "1000000", events: 1 },
  ]);
  expect(await distinctOf(tenantId), point).toEqual({ inTime: [["visitors", HOUR, 3]], late: [["2026-09", 1]] });
  const audits = await rows("SELECT action FROM audit_logs WHERE tenant_id = ? ORDER BY action", tenantId);
  expect(audits, point).toEqual([{ action: "usage_object.adopted" }, { action: "usage_object.quarantined" }]);
  const traces = await rows("SELECT event_type FROM trace_events WHERE tenant_id = ? ORDER BY event_type", tenantId);
  expect(traces, point).toEqual([
    { event_type: "usage.adopted" },
    { event_type: "usage.first_seen" },
    { event_type: "usage.quarantined" },
  ]);
}

describe("a run that fails at any call", () => {
  it.each(MODES)("leaves everything counted once after the next runs (%s)", { timeout: 60_000 }, async (mode) => {
    await boundCycle("2026-09", 0);
    await seedUniqueMeter("visitors");
    let calls = 0;
    for (let at = 1; at <= CALLS_MAX; at += 1) {
      const tenantId = `t_${mode}_${at}`;
      await seedScenario(tenantId);
      const faults = new Faults(at, mode);
      await aggregate(createTestDeps(faults.bindings()), jobRun()).catch(() => undefined);
      // One run adopts what has no row, the next counts it.
      await aggregate();
      expect(await aggregate(), `${mode} at call ${at}`).toMatchObject({ failed: 0, remaining: 0 });
      await checkScenario(tenantId, `${mode} at call ${at}`);
      if (!faults.struck) break;
      calls = at;
    }
    expect(calls).toBeGreaterThan(10);
    expect(calls).toBeLessThan(CALLS_MAX);
  });
});
