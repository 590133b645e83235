import { expect, test } from "vitest";
import { createCountedWorld } from "./fault-test-kit.ts";
import { bucket, createTestRuntime, listAll, query, runOnce, snapshot, type TestRuntime } from "./purge-test-kit.ts";
import { insert, seedData, seedTenant } from "./seed-test-kit.ts";
import { createFakeStripe, fakeCustomer } from "./stripe-test-kit.ts";

/** Every third call and each of the last ones keep the suite within its minutes; the crash test strikes at every one. */
const CALL_STRIDE = 3;
const nextCall = (at: number, calls: number): number => at + (calls - at > 2 * CALL_STRIDE ? CALL_STRIDE : 1);
const ROUNDS = 12;
const CALLS_MAX = 400;
const TEXT = "2026-10-01T00:00:00.000Z";

async function expectOnePurge(tenantId: string): Promise<void> {
  const audits = await query<{ action: string; target: string }>(
    "SELECT action, target FROM audit_logs WHERE tenant_id = ? AND action LIKE 'purge.%' ORDER BY seq",
    tenantId,
  );
  expect(audits.map((row) => row.action)).toEqual(["purge.started", "purge.completed"]);
  const purgeId = audits[0]?.target.replace("purge_runs/", "") ?? "";
  expect((await listAll("certificates/")).filter((key) => key.includes(purgeId))).toHaveLength(1);
  expect(await query("SELECT step FROM purge_steps WHERE purge_id = ? AND planned <> deleted", purgeId)).toEqual([]);
  const traces = await query<{ event_type: string; n: number }>(
    "SELECT event_type, count(*) AS n FROM trace_events WHERE job_id = ? AND event_type <> 'purge.step' GROUP BY event_type",
    purgeId,
  );
  expect(traces).toEqual([
    { event_type: "purge.completed", n: 1 },
    { event_type: "purge.started", n: 1 },
  ]);
}

const age = (): Promise<unknown> =>
  query(
    "UPDATE tenants_master SET status_changed_at = '2026-01-01T00:00:00.000Z' WHERE status = 'Purged' RETURNING tenant_id",
  );

test(
  "two runs at once purge each tenant once: one certificate, one count of everything, one audit row",
  { timeout: 120_000 },
  async () => {
    await seedTenant("bystander", { status: "Active" });
    await seedData("bystander");
    const bystander = await snapshot("bystander");
    for (let round = 0; round < ROUNDS; round += 1) {
      const tenantId = `both${round}`;
      const stripe = createFakeStripe(fakeCustomer(`cus_${tenantId}`));
      await seedTenant(tenantId, { stripe_customer_id: `cus_${tenantId}` });
      await seedData(tenantId);
      const reports = await Promise.all([
        runOnce(createTestRuntime(stripe.fetch)),
        runOnce(createTestRuntime(stripe.fetch)),
        ...(round % 2 === 0 ? [] : [runOnce(createTestRuntime(stripe.fetch))]),
      ]);
      await runOnce(createTestRuntime(stripe.fetch));
      expect(reports.map((report) => report.failed)).toEqual(reports.map(() => 0));
      await expectOnePurge(tenantId);
      await age();
    }
    expect(await listAll("tombstones/")).toHaveLength(ROUNDS);
    expect(await snapshot("bystander")).toBe(bystander);
  },
);

test(
  "a second run that does everything at every third call of the first changes no count and makes no second certificate",
  { timeout: 300_000 },
  async () => {
    let overtaken = 0;
    for (let at = 1, calls = CALLS_MAX; at < CALLS_MAX; at = nextCall(at, calls)) {
      const tenantId = `over${at}`;
      const stripe = createFakeStripe(fakeCustomer(`cus_${tenantId}`));
      await seedTenant(tenantId, { stripe_customer_id: `cus_${tenantId}` });
      await seedData(tenantId);
      const act = async (): Promise<void> => {
        overtaken += (await runOnce(createTestRuntime(stripe.fetch))).completed;
      };
      const world = createCountedWorld(stripe.fetch, { at, mode: "between", act });
      const report = await runOnce(world.runtime, { env: world.env });
      expect(report).toMatchObject({ failed: 0 });
      await expectOnePurge(tenantId);
      await age();
      if (!world.happened()) break;
      // An incident only adds calls, so the least is what a run takes by itself.
      calls = Math.min(calls, world.calls());
    }
    expect(overtaken).toBeGreaterThan(13);
  },
);

test(
  "a writer that was under way at every third call leaves nothing behind, and the certificate says what came later",
  { timeout: 300_000 },
  async () => {
    let foundLater = 0;
    let swept = 0;
    for (let at = 1, calls = CALLS_MAX; at < CALLS_MAX; at = nextCall(at, calls)) {
      const tenantId = `late${at}`;
      const stripe = createFakeStripe();
      await seedTenant(tenantId);
      await seedData(tenantId);
      const key = `usage_raw/tenant_id=${tenantId}/dt=2026-11-21/hour=02/late.jsonl`;
      const act = async (): Promise<void> => {
        await insert("usage_objects", {
          r2_key: key,
          tenant_id: tenantId,
          hour: "2026-11-21T02",
          events: 1,
          bytes: 1,
          sha256: "s",
          status: "pending",
          created_at: TEXT,
        });
        await bucket.put(key, "{}");
      };
      const world = createCountedWorld(stripe.fetch, { at, mode: "between", act });
      const report = await runOnce(world.runtime, { env: world.env });
      expect(report).toMatchObject({ completed: 1, failed: 0 });
      const counts = await query<{ step: string; later: number }>(
        `SELECT step, deleted - planned AS later FROM purge_steps s JOIN purge_runs r ON r.purge_id = s.purge_id
       WHERE r.plan_json IS NOT NULL AND s.purge_id = (SELECT substr(target, 12) FROM audit_logs WHERE tenant_id = ? AND action = 'purge.started')
         AND step IN ('r2_usage', 'usage_objects') ORDER BY step`,
        tenantId,
      );
      if (counts.some((row) => row.later > 0)) foundLater += 1;
      const runtime: TestRuntime = createTestRuntime(stripe.fetch);
      const again = await runOnce(runtime);
      if (again.swept > 0) swept += 1;
      expect(await listAll(`usage_raw/tenant_id=${tenantId}/`)).toEqual([]);
      expect(await query("SELECT seq FROM usage_objects WHERE tenant_id = ?", tenantId)).toEqual([]);
      await age();
      if (!world.happened()) break;
      // An incident only adds calls, so the least is what a run takes by itself.
      calls = Math.min(calls, world.calls());
    }
    expect(foundLater).toBeGreaterThan(13);
    expect(swept).toBeGreaterThan(0);
  },
);
