import { describe, expect, test } from "vitest";
import {
  bucket,
  createTestRuntime,
  listAll,
  query,
  runOnce,
  snapshot,
  testDeps,
  withSecrets,
} from "./purge-test-kit.ts";
import { insert, NOW_MS, seedData, seedTenant } from "./seed-test-kit.ts";
import { beginPurge } from "./begin.ts";
import type { Candidate } from "./plan.ts";
import { previewPurge } from "./preview.ts";
import { createFakeStripe, fakeCustomer } from "./stripe-test-kit.ts";

const TEXT = "2026-10-01T00:00:00.000Z";

const statusOf = async (tenantId: string): Promise<string | undefined> =>
  (await query<{ status: string }>("SELECT status FROM tenants_master WHERE tenant_id = ?", tenantId))[0]?.status;

const provisionJob = (
  tenantId: string,
  kind: string,
  status: string,
  createdAt: string,
): Parameters<typeof insert>[1] => ({
  job_id: `job_${tenantId}_${kind}`,
  tenant_id: tenantId,
  kind,
  status,
  region: "eu",
  run_id: "7",
  created_at: createdAt,
  updated_at: createdAt,
});

describe("a purge waits", () => {
  test("to begin without Stripe's key, and begins once there is one", async () => {
    const stripe = createFakeStripe(fakeCustomer("cus_keyless"));
    await seedTenant("keyless", { stripe_customer_id: "cus_keyless" });
    await seedData("keyless");
    const keyless = { ...withSecrets(), STRIPE_SECRET_KEY: " " };
    const report = await runOnce(createTestRuntime(stripe.fetch), { env: keyless });
    expect(report).toMatchObject({ waiting: 1, failed: 0, completed: 0 });
    expect(report.purges).toMatchObject([
      { outcome: "waiting", step: "begin", reason: "STRIPE_SECRET_KEY is not set" },
    ]);
    expect(stripe.calls).toEqual([]);
    expect(await statusOf("keyless")).toBe("Pending_Deletion");
    expect(await runOnce(createTestRuntime(stripe.fetch))).toMatchObject({ started: 1, completed: 1 });
    expect(stripe.customers.get("cus_keyless")?.deleted).toBe(true);
  });

  test("for nobody when the tenant never had a Stripe customer, key or not", async () => {
    await seedTenant("free");
    const report = await runOnce(createTestRuntime(), { env: { ...withSecrets(), STRIPE_SECRET_KEY: "" } });
    expect(report).toMatchObject({ completed: 1, waiting: 0 });
  });

  test("until the workflow has reported that the node is rid of the tenant", async () => {
    await seedTenant("placed", { node_id: "node_1", provisioned_at: TEXT });
    await insert("provision_jobs", provisionJob("placed", "provision", "succeeded", "2026-09-01T00:00:00.000Z"));
    const report = await runOnce(createTestRuntime());
    expect(report.purges).toMatchObject([{ outcome: "waiting", step: "deprovision" }]);
    expect(await query("SELECT job_id FROM provision_jobs WHERE tenant_id = 'placed'")).toHaveLength(1);

    await insert("provision_jobs", provisionJob("placed", "deprovision", "running", TEXT));
    expect(await runOnce(createTestRuntime())).toMatchObject({ waiting: 1, completed: 0 });

    await query("UPDATE provision_jobs SET status = 'succeeded' WHERE tenant_id = 'placed' RETURNING job_id");
    expect(await runOnce(createTestRuntime())).toMatchObject({ waiting: 0, completed: 1 });
    expect(await query("SELECT job_id FROM provision_jobs WHERE tenant_id = 'placed'")).toEqual([]);
  });

  test("when it began under another purge key", async () => {
    await seedTenant("rekeyed", { node_id: "node_1", provisioned_at: TEXT });
    await runOnce(createTestRuntime());
    const rekeyed = { ...withSecrets(), PURGE_KEY: "another key" };
    const report = await runOnce(createTestRuntime(), { env: rekeyed });
    expect(report.purges).toMatchObject([{ outcome: "waiting", reason: "the purge began under another PURGE_KEY" }]);
    await query("UPDATE tenants_master SET node_id = NULL WHERE tenant_id = 'rekeyed' RETURNING tenant_id");
    expect(await runOnce(createTestRuntime())).toMatchObject({ completed: 1 });
  });
});

describe("nothing is purged", () => {
  test("by a run without a purge key, and the run says so", async () => {
    await seedTenant("unkeyed");
    const before = await snapshot("unkeyed");
    const report = await runOnce(createTestRuntime(), { env: { ...withSecrets(), PURGE_KEY: "" } });
    expect(report).toMatchObject({ failed: 1, started: 0, not_configured: ["PURGE_KEY"] });
    expect(await snapshot("unkeyed")).toBe(before);
    await runOnce(createTestRuntime());
  });

  test.each([
    ["was reactivated", "status = 'Active', purge_after = NULL"],
    ["was reactivated with its deadline left behind", "status = 'Active'"],
    ["was given more time", "purge_after = '2026-11-20T03:00:00.000Z'"],
    ["came under legal hold", "legal_hold = 1"],
    ["has a subscription again", "subscription_status = 'active'"],
  ])("of a tenant that %s between plan and start", async (title, change) => {
    const tenantId = `race_${title.replaceAll(" ", "_")}`.slice(0, 60);
    await seedTenant(tenantId);
    await seedData(tenantId);
    const deps = testDeps(createTestRuntime(createFakeStripe().fetch));
    const [candidate] = await query<Candidate>(
      `SELECT tenant_id AS tenantId, status, purge_after AS purgeAfter, legal_hold AS legalHold,
         subscription_status AS subscriptionStatus, trace_id AS traceId FROM tenants_master WHERE tenant_id = ?`,
      tenantId,
    );
    expect(candidate?.status).toBe("Pending_Deletion");
    await query(`UPDATE tenants_master SET ${change} WHERE tenant_id = ? RETURNING tenant_id`, tenantId);
    const before = await snapshot(tenantId);
    const begin = {
      candidate: candidate as Candidate,
      dueAtMs: NOW_MS,
      purgeId: `prg_${tenantId}`,
      purgeKey: "key",
      actor: "cron:purge-job",
    };
    await expect(beginPurge(deps, begin)).rejects.toThrow("batch_guard");
    expect(await snapshot(tenantId)).toBe(before);
    expect(await query("SELECT purge_id FROM purge_runs WHERE purge_id = ?", begin.purgeId)).toEqual([]);
    await query("UPDATE tenants_master SET status = 'Active' WHERE tenant_id = ? RETURNING tenant_id", tenantId);
  });

  test("by a dry run, which prints what each store holds", async () => {
    await seedTenant("dry");
    await seedData("dry");
    const before = await snapshot("dry");
    const tables = ["purge_runs", "purge_steps", "job_runs", "job_leases", "audit_logs", "trace_events"];
    const count = (): Promise<unknown[]> =>
      Promise.all(tables.map((table) => query(`SELECT count(*) AS n FROM ${table}`)));
    const [counts, objects] = [await count(), await listAll("")];
    const preview = await previewPurge(testDeps(createTestRuntime()), NOW_MS);
    expect(preview).toMatchObject({ dry_run: true, cap: 5, beyond_cap: 0, continuing: [] });
    expect(preview.plans).toMatchObject([
      {
        tenant_id: "dry",
        stores: { r2_usage: 3, usage_objects: 2, usage_rollups: 1, audit_details: 2, funnel_events: 2 },
      },
    ]);
    expect(await snapshot("dry")).toBe(before);
    expect(await count()).toEqual(counts);
    expect(await listAll("")).toEqual(objects);
    const run = await runOnce(createTestRuntime(createFakeStripe().fetch));
    expect(run).toMatchObject({ completed: 1 });
    const planned = await query<{ plan: string }>(
      `SELECT r.plan_json AS plan FROM purge_runs r JOIN audit_logs a ON a.target = 'purge_runs/' || r.purge_id
       WHERE a.tenant_id = 'dry' AND a.action = 'purge.started'`,
    );
    expect(JSON.parse(planned[0]?.plan ?? "{}")).toEqual({ stores: preview.plans[0]?.stores });
  });
});

describe("a run", () => {
  test("starts at most five of few tenants, longest overdue first, and says how many it left", async () => {
    for (let index = 1; index <= 8; index += 1) {
      await seedTenant(`cap_${index}`, { purge_after: `2026-11-1${9 - index}T00:00:00.000Z` });
    }
    const report = await runOnce(createTestRuntime());
    expect(report).toMatchObject({ started: 5, completed: 5, cap: 5, beyond_cap: 3 });
    const left = await query<{ id: string }>(
      "SELECT tenant_id AS id FROM tenants_master WHERE tenant_id LIKE 'cap\\_%' ESCAPE '\\' AND status = 'Pending_Deletion'",
    );
    expect(left.map((row) => row.id).toSorted()).toEqual(["cap_1", "cap_2", "cap_3"]);
    expect(await runOnce(createTestRuntime())).toMatchObject({ started: 3, completed: 3, beyond_cap: 0 });
  });

  test("that comes late does all that is due, and none of what was not due at its time", async () => {
    await seedTenant("late", { purge_after: "2026-11-20T00:00:00.000Z" });
    const early = await runOnce(createTestRuntime(), { dueAtMs: Date.parse("2026-11-20T00:00:00.000Z") });
    expect(early).toMatchObject({ started: 0 });
    const late = await runOnce(createTestRuntime(), { dueAtMs: NOW_MS + 40 * 86_400_000 });
    expect(late).toMatchObject({ started: 1, completed: 1 });
  });

  test("erases what was written after the last look at a purged tenant, and audits that", async () => {
    await seedTenant("straggler");
    await runOnce(createTestRuntime());
    await insert("stripe_events", {
      event_id: "evt_late",
      type: "customer.deleted",
      livemode: 0,
      created: 1,
      received_at: TEXT,
      body_sha256: "b",
      status: "processed",
      tenant_id: "straggler",
    });
    await bucket.put("usage_raw/tenant_id=straggler/dt=2026-11-21/hour=02/late.jsonl", "{}");
    expect(await runOnce(createTestRuntime())).toMatchObject({ swept: 2, failed: 0 });
    expect(await query("SELECT event_id FROM stripe_events WHERE tenant_id = 'straggler'")).toEqual([]);
    expect(await listAll("usage_raw/tenant_id=straggler/")).toEqual([]);
    expect(await query("SELECT target FROM audit_logs WHERE action = 'purge.late_data_erased'")).toEqual([
      { target: "tenants_master/straggler#rows=1;objects=1" },
    ]);
    expect(await runOnce(createTestRuntime())).toMatchObject({ swept: 0 });
  });
});
