import { beforeEach, expect, test } from "vitest";
import { close, createWorld, CYCLE, env } from "../cycle-close-test-kit.ts";
import { createDeps } from "../deps.ts";
import {
  execute,
  resetDatabase,
  rows,
  seedLate,
  seedObject,
  seedPlan,
  seedRollup,
  seedTenant,
} from "../seed-test-kit.ts";

const UNIT = 1_000_000n;
/** Tables that grow with time: a statement that reads all of one costs more every month. */
const GROWING = [
  "usage_objects",
  "usage_rollups",
  "usage_adjustments",
  "usage_cycle_totals",
  "stripe_usage_outbox",
  "stripe_events",
  "audit_logs",
  "audit_details",
  "trace_events",
  "job_runs",
];

/** What a run may read from end to end, and why that stays cheap. */
const ALLOWED = [
  // What is pending, which a close works off.
  /^SCAN stripe_usage_outbox USING INDEX stripe_usage_outbox_due:/,
  // Asked once in the life of an installation: the first condition is true as soon as there is a cycle.
  /^SCAN usage_objects .*: INSERT INTO cycle_runs [^]* WHERE EXISTS \(SELECT 1 FROM cycle_runs\) OR NOT EXISTS/,
];

/** Reads that are cheap only by these. */
const INDEXES = [
  "stripe_usage_outbox_due (next_attempt_at<?)",
  "sqlite_autoindex_stripe_usage_outbox_1 (identifier=?)",
  "usage_adjustments_unbilled (tenant_id=?)",
  "usage_objects_pending (seq<?)",
  "tenants_master_ended",
  "stripe_events_meter_reports (received_at>?)",
  "stripe_usage_outbox_compared (compare_after>?)",
];

/** Deps that remember the text of every statement. */
function rememberStatements(world: ReturnType<typeof createWorld>) {
  const texts = new Set<string>();
  const { DB: database } = env;
  const binding = new Proxy(database, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (name !== "prepare") return typeof member === "function" ? (member.bind(target) as unknown) : member;
      return (query: string) => {
        texts.add(query);
        return target.prepare(query);
      };
    },
  });
  return { deps: createDeps({ ...env, DB: binding }, world.runtime), texts };
}

async function planOf(query: string): Promise<string[]> {
  const parameters = Array.from({ length: query.split("?").length - 1 }, () => "[]");
  return (await rows<{ detail: string }>(`EXPLAIN QUERY PLAN ${query}`, ...parameters)).map(({ detail }) => detail);
}

beforeEach(async () => {
  await resetDatabase();
  const meters = { api_requests: { eventName: "api_calls" } };
  await seedPlan("basic", { meters });
  await seedPlan("metered", { mode: "meter_event", meters });
});

test("no statement of a run reads a table that grows from end to end", async () => {
  const world = createWorld(Date.parse("2026-11-01T00:40:00Z"));
  for (const [tenant, plan] of [
    ["item", "basic"],
    ["meter", "metered"],
  ] as const) {
    await seedTenant(tenant, { plan, createdAt: "2026-10-02T00:00:00.000Z", traceId: `trace_${tenant}` });
    await seedRollup(tenant, "api_requests", { qty: UNIT });
  }
  await seedObject("item", { status: "done" });
  await close(world);
  await seedLate("item", "api_requests", { corrected: "2026-10", key: "late", qty: UNIT });
  await seedLate("item", "api_requests", { corrected: "2026-08", key: "older", qty: UNIT });
  await execute("UPDATE tenants_master SET subscription_status = 'canceled'");
  const { deps, texts } = rememberStatements(world);
  world.clock.nowMs = Date.parse("2026-12-01T00:40:00Z");
  world.stripe.fault = () => "after";
  await close(world, {}, deps);
  world.stripe.fault = () => undefined;
  world.clock.nowMs += 25 * 60 * 60 * 1_000;
  expect(await close(world, {}, deps)).toMatchObject({ failed: 0, outbox: { sent: 4 } });
  expect(await rows("SELECT status FROM cycle_runs WHERE cycle = ?", CYCLE)).toEqual([{ status: "closed" }]);

  const steps: string[] = [];
  const scans: string[] = [];
  for (const text of texts) {
    for (const step of await planOf(text)) {
      steps.push(step);
      const table = /^SCAN (\w+)/.exec(step)?.[1] ?? "";
      if (GROWING.includes(aliasesOf(text).get(table) ?? table)) scans.push(`${step}: ${text}`);
    }
  }
  expect(scans.filter((scan) => !ALLOWED.some((allowed) => allowed.test(scan)))).toEqual([]);
  expect(INDEXES.filter((index) => !steps.some((step) => step.includes(index)))).toEqual([]);
});

/** Tables by the name that a statement gives them. */
const aliasesOf = (text: string): Map<string, string> =>
  new Map(
    [...text.matchAll(/\b(?:FROM|JOIN|UPDATE|INTO)\s+"?(\w+)"?(?:\s+AS)?\s+(\w)\b/gi)].map(
      ([, table = "", alias = ""]) => [alias, table],
    ),
  );
