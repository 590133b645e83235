import { beforeEach, describe, expect, test } from "vitest";
import { planCommit } from "../close-tenant.ts";
import { createWorld, CYCLE, env } from "../cycle-close-test-kit.ts";
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
import { createDeps } from "../deps.ts";
import { askedAt, gatherGroup } from "../gather-inputs.ts";
import { createPlanBook } from "./plan-versions.ts";
import { commitTenantCloses, type TenantCommit } from "./tenant-close.ts";

const UNIT = 1_000_000n;
const deps = createDeps(env, createWorld().runtime);

async function planCommits(...tenantIds: string[]): Promise<TenantCommit[]> {
  const tenants = tenantIds.map((tenantId) => {
    return { tenantId, planId: "basic", stripeCustomerId: `cus_${tenantId}`, traceId: null, live: null, hasLate: true };
  });
  const gathered = await gatherGroup(deps.db, createPlanBook(deps.db), { tenants, cycle: CYCLE, ...askedAt(deps) });
  const closing = { actor: "cron:cycle-close", cycle: CYCLE, cycleTraceId: null };
  return Promise.all((gathered ?? []).map((one) => planCommit(deps, closing, one)));
}

const commit = (closes: readonly TenantCommit[]) =>
  commitTenantCloses(deps.db, closes, { cycle: CYCLE, nowMs: deps.now() });

const written = () =>
  rows(`SELECT (SELECT count(*) FROM usage_cycle_totals) AS totals, (SELECT count(*) FROM stripe_usage_outbox) AS outbox,
    (SELECT count(*) FROM audit_logs) AS audit, (SELECT count(*) FROM usage_adjustments WHERE billed_cycle IS NOT NULL) AS billed`);

beforeEach(async () => {
  await resetDatabase();
  await seedPlan("basic", { meters: { api: {}, mail: {} } });
  await seedTenant("t1");
  await seedRollup("t1", "api", { qty: 15n * UNIT });
  await seedRollup("t1", "mail", { hour: "2026-11-20T00", qty: UNIT });
  await seedLate("t1", "api", { corrected: "2026-10", key: "o1", qty: UNIT });
  await seedObject("t1", { status: "done" });
  await execute(
    `INSERT INTO cycle_runs (cycle, status, event_time_bound, stored_seq_bound, opened_at)
      SELECT ?, 'closing', '', max(seq), '' FROM usage_objects`,
    CYCLE,
  );
});

describe("a batch of closes", () => {
  test("writes lines, charges, late marks and audit together", async () => {
    expect(await commit(await planCommits("t1"))).toBe("closed");
    expect(await written()).toEqual([{ totals: 3, outbox: 3, audit: 1, billed: 1 }]);
  });

  test("written a second time changes nothing", async () => {
    const closes = await planCommits("t1");
    await commit(closes);
    const before = await written();
    expect(await commit(closes)).toBe("refused");
    expect(await written()).toEqual(before);
  });

  test.each([
    ["a rollup grew", "UPDATE usage_rollups SET qty = qty + 1 WHERE meter_key = 'api'"],
    [
      "a rollup came",
      "INSERT INTO usage_rollups VALUES ('t1', 'new', '2026-11-02T00', 1, 1, NULL, NULL, NULL, '', '', '', 0)",
    ],
    ["a rollup went", "DELETE FROM usage_rollups WHERE meter_key = 'mail'"],
    ["an object up to the bound became pending again", "UPDATE usage_objects SET status = 'pending'"],
    ["its late usage was billed elsewhere", "UPDATE usage_adjustments SET billed_cycle = '2026-12'"],
    ["the tenant's purge began", "UPDATE tenants_master SET status = 'Purging'"],
    ["the cycle is past closing", "UPDATE cycle_runs SET status = 'sending'"],
  ])("writes nothing at all, of no tenant, when %s after it was planned", async (_, change) => {
    await seedTenant("t0");
    await seedTenant("t2");
    const closes = await planCommits("t0", "t1", "t2");
    await execute(change);
    const before = await written();
    expect(await commit(closes)).toBe("refused");
    expect(await written()).toEqual(before);
  });

  test("writes nothing of any tenant when one of them was closed meanwhile", async () => {
    await seedTenant("t2");
    await seedRollup("t2", "api", { qty: UNIT });
    const closes = await planCommits("t1", "t2");
    expect(closes).toHaveLength(2);
    await commit(await planCommits("t2"));
    const before = await written();
    expect(await commit(closes)).toBe("refused");
    expect(await written()).toEqual(before);
  });

  test("is not held up by usage of other months, other tenants and objects after the bound", async () => {
    const closes = await planCommits("t1");
    await seedRollup("t1", "api", { hour: "2026-12-01T00", qty: UNIT });
    await seedRollup("t10", "api", { qty: UNIT });
    await seedObject("t1", { key: "after", status: "pending" });
    expect(await commit(closes)).toBe("closed");
  });
});
