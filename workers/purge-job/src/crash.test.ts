import { expect, test } from "vitest";
import { createCountedWorld } from "./fault-test-kit.ts";
import {
  createTestRuntime,
  listAll,
  query,
  snapshot,
  snapshotRows,
  testDeps,
  withSecrets,
  type TestRuntime,
} from "./purge-test-kit.ts";
import { NOW_MS, seedData, seedTenant } from "./seed-test-kit.ts";
import { startPurgeJob } from "./start.ts";
import { createFakeStripe, fakeCustomer, type FakeStripe } from "./stripe-test-kit.ts";
import { verifyCertificate } from "./verify.ts";

const MINUTE_MS = 60_000;
const CALLS_MAX = 400;

async function seedFor(tenantId: string): Promise<FakeStripe> {
  const customer = fakeCustomer(`cus_${tenantId}`);
  await seedTenant(tenantId, { stripe_customer_id: customer.id, stripe_subscription_id: `sub_of_${customer.id}` });
  await seedData(tenantId);
  return createFakeStripe(customer);
}

/** Rounds are a day apart and a resume comes ten minutes later: the lease of a run that died has then expired. */
const setClock = (runtime: TestRuntime, round: number, minutes = 0): void => {
  runtime.clock.nowMs += round * 24 * 60 * MINUTE_MS + minutes * MINUTE_MS;
};

const startJob = (runtime: TestRuntime, env = withSecrets()): ReturnType<typeof startPurgeJob> =>
  startPurgeJob(env, runtime, { trigger: "cron", dueAtMs: NOW_MS, actor: "cron:purge-job" });

async function expectPurgedOnce(tenantId: string, stripe: FakeStripe): Promise<void> {
  const audits = await query<{ action: string; target: string }>(
    "SELECT action, target FROM audit_logs WHERE tenant_id = ? ORDER BY seq",
    tenantId,
  );
  expect(audits.map((row) => row.action)).toEqual(["tenant.created", "purge.started", "purge.completed"]);
  const purgeId = audits[1]?.target.replace("purge_runs/", "") ?? "";
  expect(await verifyCertificate(testDeps(createTestRuntime()), { purgeId, tenantId })).toEqual({
    ok: true,
    findings: [],
  });
  expect((await listAll("certificates/")).filter((key) => key.includes(purgeId))).toHaveLength(1);
  const miscounted = await query(
    "SELECT step, planned, deleted FROM purge_steps WHERE purge_id = ? AND (planned <> deleted OR status <> 'done')",
    purgeId,
  );
  expect(miscounted).toEqual([]);
  expect([...stripe.customers.values()].every((customer) => customer.deleted)).toBe(true);
  expect(
    await query("SELECT tenant_id FROM tenants_master WHERE tenant_id = ? AND status = 'Purged'", tenantId),
  ).toHaveLength(1);
}

const readStatus = async (tenantId: string): Promise<string> =>
  (await query<{ status: string }>("SELECT status FROM tenants_master WHERE tenant_id = ?", tenantId))[0]?.status ?? "";

const HELD = { held: 1, failed: 0, completed: 0 };

async function readLastReport(): Promise<unknown> {
  const [run] = await query<{ report: string }>(
    "SELECT report_json AS report FROM job_runs ORDER BY run_id DESC LIMIT 1",
  );
  return JSON.parse(run?.report ?? "{}");
}

/** Purged tenants are looked at again for some days; here they would only lengthen the next round. */
const age = (): Promise<unknown> =>
  query(
    "UPDATE tenants_master SET status_changed_at = '2026-01-01T00:00:00.000Z' WHERE status = 'Purged' RETURNING tenant_id",
  );

test.each(["before", "after"] as const)(
  "ends with nothing left and everything counted once, wherever it dies (%s the call)",
  { timeout: 300_000 },
  async (mode) => {
    const neighbour = `${mode}1_0`;
    await seedTenant(neighbour, { status: "Active" });
    await seedData(neighbour);
    const untouched = await snapshot(neighbour);
    let crashes = 0;
    const firstDay = mode === "before" ? 0 : CALLS_MAX;
    for (let at = 1; at < CALLS_MAX; at += 1) {
      const tenantId = `${mode}${at}`;
      const stripe = await seedFor(tenantId);
      const world = createCountedWorld(stripe.fetch, { at, mode });
      setClock(world.runtime, firstDay + at);
      const crashed = await startJob(world.runtime, world.env).then(
        () => false,
        () => true,
      );
      if (world.happened()) crashes += 1;
      const resumed = createTestRuntime(stripe.fetch);
      setClock(resumed, firstDay + at, 10);
      const outcome = await startJob(resumed);
      expect(outcome.kind).toBe("ran");
      await expectPurgedOnce(tenantId, stripe);
      await age();
      expect(world.happened() || !crashed).toBe(true);
      if (!world.happened()) break;
    }
    expect(crashes).toBeGreaterThan(60);
    expect(crashes).toBeLessThan(CALLS_MAX - 1);
    expect(await snapshot(neighbour)).toBe(untouched);
  },
);

test(
  "a legal hold set at every third call stops the tenant before its next chunk and lets it go on when lifted",
  { timeout: 300_000 },
  async () => {
    let held = 0;
    for (let at = 1; at < CALLS_MAX; at += 3) {
      const tenantId = `hold${at}`;
      const stripe = await seedFor(tenantId);
      let rows = "";
      let statusAtHold = "";
      const act = async (): Promise<void> => {
        await query("UPDATE tenants_master SET legal_hold = 1 WHERE tenant_id = ? RETURNING tenant_id", tenantId);
        rows = await snapshotRows(tenantId);
        statusAtHold = await readStatus(tenantId);
      };
      const world = createCountedWorld(stripe.fetch, { at, mode: "between", act });
      setClock(world.runtime, 2 * CALLS_MAX + at);
      await startJob(world.runtime, world.env);
      const status = await readStatus(tenantId);
      expect(status).toBe(world.happened() ? statusAtHold : "Purged");
      const wasHeld = status === "Purging";
      held += wasHeld ? 1 : 0;
      expect(wasHeld ? await snapshotRows(tenantId) : rows).toBe(rows);
      expect(wasHeld ? await readLastReport() : HELD).toMatchObject(HELD);
      await query("UPDATE tenants_master SET legal_hold = 0 WHERE tenant_id = ? RETURNING tenant_id", tenantId);
      const later = createTestRuntime(stripe.fetch);
      setClock(later, 2 * CALLS_MAX + at, 10);
      await startJob(later);
      await expectPurgedOnce(tenantId, stripe);
      await age();
      if (!world.happened()) break;
    }
    expect(held).toBeGreaterThan(13);
  },
);
