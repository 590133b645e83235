import { afterEach, describe, expect, test } from "vitest";
import { createTestRuntime, query, runOnce, snapshot, withSecrets, type TestRuntime } from "./purge-test-kit.ts";
import { insert, NOW_MS, seedData, seedTenant } from "./seed-test-kit.ts";
import { beginPurge } from "./begin.ts";
import { createDeps } from "./deps.ts";
import type { Candidate } from "./plan.ts";
import { createFakeStripe, fakeCustomer, type FakeStripe } from "./stripe-test-kit.ts";

const ALIVE = ["active", "trialing", "past_due", "unpaid", "paused", "incomplete", "a_status_of_the_future"];
const masterOf = (id: string) => query("SELECT * FROM tenants_master WHERE tenant_id = ?", id);
const actionsOf = async (id: string): Promise<string[]> =>
  (await query<{ action: string }>("SELECT action FROM audit_logs WHERE tenant_id = ? ORDER BY seq", id)).map(
    (row) => row.action,
  );

/** Stripe with one customer whose old subscription ended and who may have a new one. */
function stripeWith(customerId: string, status?: string): FakeStripe {
  const customer = fakeCustomer(customerId);
  if (status !== undefined) customer.subscriptions.push({ id: `sub_new_of_${customerId}`, status });
  return createFakeStripe(customer);
}

const addStored = (row: { id: string; customer: string; status: string; tenantId?: string }): Promise<void> =>
  insert("stripe_subscriptions", {
    subscription_id: row.id,
    customer_id: row.customer,
    tenant_id: row.tenantId ?? null,
    status: row.status,
    state_as_of: 1,
    updated_at: "2026-10-01T00:00:00.000Z",
  });

afterEach(() =>
  query(
    "UPDATE tenants_master SET status = 'Active' WHERE status IN ('Pending_Deletion', 'Purging') RETURNING tenant_id",
  ),
);

describe("a tenant whose customer pays again is not purged", () => {
  test.each(ALIVE)("while Stripe has a subscription that is %s", async (status) => {
    const id = `asked_${status}`;
    const stripe = stripeWith(`cus_${id}`, status);
    await seedTenant(id, { stripe_customer_id: `cus_${id}`, stripe_subscription_id: `sub_of_cus_${id}` });
    const before = await masterOf(id);
    const report = await runOnce(createTestRuntime(stripe.fetch));
    expect(report).toMatchObject({ started: 0, subscription_alive: 1, failed: 0, waiting: 0, purges: [] });
    expect(await masterOf(id)).toEqual(before);
    expect(stripe.customers.get(`cus_${id}`)?.subscriptions.at(-1)?.status).toBe(status);
    expect(stripe.calls.filter((call) => !call.startsWith("GET"))).toEqual([]);
  });

  test.each(ALIVE)(
    "while a subscription of the customer is stored as %s, whosever it is said to be",
    async (status) => {
      const id = `stored_${status}`;
      await seedTenant(id, { stripe_customer_id: `cus_${id}` });
      await addStored({ id: `sub_new_${id}`, customer: `cus_${id}`, status });
      const stripe = stripeWith(`cus_${id}`);
      expect(await runOnce(createTestRuntime(stripe.fetch))).toMatchObject({ started: 0, subscription_alive: 1 });
    },
  );

  test("and the audit log says so once, not every night, until something else happened", async () => {
    await seedTenant("nightly", { stripe_customer_id: "cus_nightly" });
    const stripe = stripeWith("cus_nightly", "active");
    for (let night = 0; night < 3; night += 1) {
      expect(await runOnce(createTestRuntime(stripe.fetch))).toMatchObject({ subscription_alive: 1 });
    }
    expect(await actionsOf("nightly")).toEqual(["purge.subscription_alive"]);
    expect(await query("SELECT target, trace_id FROM audit_logs WHERE tenant_id = 'nightly'")).toEqual([
      { target: "tenants_master/nightly", trace_id: "trace_ylthgin" },
    ]);
    await insert("audit_logs", {
      ts: "2026-11-21T03:00:00.000Z",
      actor: "stripe",
      action: "tenant.state_changed",
      tenant_id: "nightly",
      target: "tenants_master/nightly",
      detail_commitment: "c",
    });
    await runOnce(createTestRuntime(stripe.fetch));
    expect((await actionsOf("nightly")).slice(-2)).toEqual(["tenant.state_changed", "purge.subscription_alive"]);
  });

  test("and does not keep others from being purged, however many such tenants are due before them", async () => {
    const customers = Array.from({ length: 6 }, (_, index) => `cus_crowd_${index}`);
    for (const customer of customers) {
      await seedTenant(customer.slice(4), { stripe_customer_id: customer, purge_after: "2026-11-01T00:00:00.000Z" });
      await addStored({ id: `sub_${customer}`, customer, status: "active" });
    }
    await seedTenant("crowded_out");
    expect(await runOnce(createTestRuntime())).toMatchObject({ subscription_alive: 6, started: 1, completed: 1 });
  });

  test("also when the subscription is stored between the question and the start", async () => {
    await seedTenant("between", { stripe_customer_id: "cus_between" });
    await seedData("between");
    const stripe = stripeWith("cus_between");
    const outside = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
      await addStored({ id: "sub_between_new", customer: "cus_between", status: "active" }).catch(() => undefined);
      return stripe.fetch(input, init);
    };
    const [candidate] = await query<Candidate>(
      `SELECT tenant_id AS tenantId, status, purge_after AS purgeAfter, legal_hold AS legalHold,
         subscription_status AS subscriptionStatus, trace_id AS traceId FROM tenants_master WHERE tenant_id = 'between'`,
    );
    const before = await snapshot("between");
    const deps = createDeps(withSecrets(), createTestRuntime(outside));
    const begin = {
      candidate: candidate as Candidate,
      dueAtMs: NOW_MS,
      purgeId: "prg_between",
      purgeKey: "k",
      actor: "cron:purge-job",
    };
    await expect(beginPurge(deps, begin)).rejects.toThrow("batch_guard");
    expect(await snapshot("between")).toBe(before);
  });
});

describe("a purge does not begin", () => {
  test.each(["500", "network"])("while Stripe cannot be asked (%s), and the run says so", async (kind) => {
    const id = `silent_${kind}`;
    await seedTenant(id, { stripe_customer_id: `cus_${id}` });
    await seedData(id);
    const before = await snapshot(id);
    const broken = (): Promise<Response> =>
      kind === "500"
        ? Promise.resolve(Response.json({ error: { type: "api_error", message: `no ${id}` } }, { status: 500 }))
        : Promise.reject(new Error("Network connection lost."));
    const runtime = createTestRuntime(broken);
    const report = await runOnce(runtime);
    expect(report).toMatchObject({ started: 0, waiting: 1, failed: 0, subscription_alive: 0 });
    expect(report.purges).toMatchObject([
      { outcome: "waiting", step: "begin", reason: "Stripe could not be asked for the customer's subscriptions" },
    ]);
    expect(JSON.stringify([report, runtime.lines])).not.toContain(id);
    expect(await snapshot(id)).toBe(before);
  });
});

describe("a purge under way", () => {
  const later = (runtime: TestRuntime, days: number): TestRuntime => {
    runtime.clock.nowMs = NOW_MS + days * 86_400_000;
    return runtime;
  };

  test("stops, visibly, instead of ending a subscription made after it began, and goes on when that has ended", async () => {
    const stripe = stripeWith("cus_midway");
    const customer = stripe.customers.get("cus_midway");
    await seedTenant("midway", { stripe_customer_id: "cus_midway" });
    const subscribe = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
      const answer = stripe.fetch(input, init);
      if (stripe.calls.length === 1) customer?.subscriptions.push({ id: "sub_midway_new", status: "active" });
      return answer;
    };
    const report = await runOnce(createTestRuntime(subscribe));
    expect(report).toMatchObject({ started: 1, waiting: 1, completed: 0, failed: 0 });
    expect(report.purges).toMatchObject([
      { step: "stripe", reason: "a subscription that began after the purge did is alive" },
    ]);
    expect(customer).toMatchObject({ deleted: false, invoices: [{ status: "open" }, { status: "paid" }] });
    expect(customer?.subscriptions.at(-1)).toEqual({ id: "sub_midway_new", status: "active" });
    customer?.subscriptions.splice(-1, 1, { id: "sub_midway_new", status: "canceled" });
    expect(await runOnce(later(createTestRuntime(stripe.fetch), 1))).toMatchObject({ continued: 1, completed: 1 });
    expect(customer?.deleted).toBe(true);
  });

  test("stops before it deletes a customer who subscribed after everything was settled", async () => {
    const stripe = stripeWith("cus_last");
    const customer = stripe.customers.get("cus_last");
    await seedTenant("last", { stripe_customer_id: "cus_last" });
    const subscribe = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
      const { url } = new Request(input, init);
      if (url.endsWith("/customers/cus_last") && customer?.subscriptions.length === 1) {
        customer.subscriptions.push({ id: "sub_last_new", status: "active" });
      }
      return stripe.fetch(input, init);
    };
    expect(await runOnce(createTestRuntime(subscribe))).toMatchObject({ started: 1, waiting: 1, completed: 0 });
    expect(customer).toMatchObject({ deleted: false });
  });
});
