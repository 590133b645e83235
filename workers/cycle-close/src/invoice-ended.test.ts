import { beforeEach, describe, expect, test } from "vitest";
import { close, createWorld, DAY_MS, env, HOUR_MS, type World } from "./cycle-close-test-kit.ts";
import { createDeps } from "./deps.ts";
import { createFaultyDeps, FAULT_MODES, type FaultMode } from "./fault-test-kit.ts";
import { resendCharge } from "./resend-charge.ts";
import { execute, resetDatabase, rows, seedPlan, seedRollup, seedTenant } from "./seed-test-kit.ts";
import { insertInvoice, listEndedDebts } from "./store/invoice-outbox.ts";

const UNIT = 1_000_000n;
const CALLS_MAX = 200;

beforeEach(resetDatabase);

/** A tenant that left, one that stays, each with two charges. */
async function seedTwo(): Promise<World> {
  await seedPlan("basic", { meters: { calls: {}, data: {} } });
  for (const tenant of ["gone", "here"]) {
    await seedTenant(tenant);
    await seedRollup(tenant, "calls", { qty: 3n * UNIT });
    await seedRollup(tenant, "data", { qty: 4n * UNIT });
    const status = tenant === "gone" ? "canceled" : "active";
    await execute(
      "UPDATE tenants_master SET subscription_status = ?, stripe_subscription_id = ? WHERE tenant_id = ?",
      status,
      `sub_${tenant}`,
      tenant,
    );
  }
  return createWorld();
}

const invoiceRows = () =>
  rows<{
    tenant_id: string;
    cycle: string;
    currency: string;
    status: string;
    stripe_id: string | null;
    attempts: number;
  }>(
    "SELECT tenant_id, cycle, currency, status, stripe_id, attempts FROM stripe_invoice_outbox ORDER BY tenant_id, cycle",
  );
const failFor = (world: World, path: string, fault: "before" | "after" | "400" | "429"): void => {
  world.stripe.fault = (at) => (at === path ? fault : undefined);
};

describe("charges of a subscription that has ended", () => {
  test("are collected by one invoice, charged to what the subscription was paid with; others wait for theirs", async () => {
    const world = await seedTwo();
    const report = await close(world);
    expect(report).toMatchObject({ failed: 0, invoices: { sent: 1 }, without_subscription: 0 });
    const [invoice] = world.stripe.invoices;
    const taken = world.stripe.items.filter(({ id }) => invoice?.items.includes(id));
    expect(taken.map(({ amount, customer }) => `${customer} ${amount}`).toSorted()).toEqual([
      "cus_gone 6",
      "cus_gone 8",
    ]);
    expect(invoice).toMatchObject({
      customer: "cus_gone",
      currency: "eur",
      default_payment_method: "pm_of_subscription",
      metadata: {
        tenant_id: "gone",
        cycle: "2026-11",
        prego_identifier: expect.stringMatching(/^prego_[0-9a-f]{40}$/),
      },
    });
    expect(await invoiceRows()).toMatchObject([
      { tenant_id: "gone", cycle: "2026-11", currency: "eur", status: "sent", stripe_id: "in_1", attempts: 1 },
    ]);
    const actions = await rows("SELECT action FROM audit_logs WHERE action LIKE 'stripe.invoice%' ORDER BY seq");
    expect(actions).toEqual([{ action: "stripe.invoice_planned" }, { action: "stripe.invoice_sent" }]);
    world.clock.nowMs += 2 * DAY_MS;
    expect((await close(world)).invoices).toMatchObject({ sent: 0, nothing_pending: 0 });
    expect(world.stripe.invoices).toHaveLength(1);
  });

  test("need no invoice when another one had them", async () => {
    const world = await seedTwo();
    await execute("UPDATE tenants_master SET subscription_status = 'active'");
    await close(world);
    for (const item of world.stripe.items) item.invoice = "in_of_subscription";
    await execute("UPDATE tenants_master SET subscription_status = 'canceled' WHERE tenant_id = 'gone'");
    expect(await close(world)).toMatchObject({ invoices: { sent: 0, nothing_pending: 1 }, without_subscription: 0 });
    expect(await invoiceRows()).toMatchObject([{ status: "nothing_pending", attempts: 0 }]);
    expect(world.stripe.invoices).toEqual([]);
  });

  test("that are sent after the invoice get another one, under an identifier of its own", async () => {
    const world = await seedTwo();
    let calls = 0;
    world.stripe.fault = (path) => (path === "POST /v1/invoiceitems" && (calls += 1) === 1 ? "400" : undefined);
    await execute("DELETE FROM usage_rollups WHERE tenant_id = 'here'");
    expect(await close(world)).toMatchObject({ outbox: { sent: 1, rejected: 1 }, invoices: { sent: 1 } });
    const [first] = await rows<{ identifier: string }>("SELECT identifier FROM stripe_invoice_outbox");
    world.clock.nowMs += DAY_MS;
    const [refused] = await rows<{ identifier: string }>(
      "SELECT identifier FROM stripe_usage_outbox WHERE status = 'rejected'",
    );
    const wish = { identifier: refused?.identifier ?? "", reason: "fixed", actor: "operator:kit" };
    await resendCharge(createDeps(env, world.runtime), wish);
    failFor(world, "GET /v1/invoiceitems", "before");
    expect(await close(world)).toMatchObject({ without_subscription: 1 });
    world.stripe.fault = () => undefined;
    world.clock.nowMs += HOUR_MS;
    await Promise.all([close(world), close(world)]);
    world.clock.nowMs += HOUR_MS;
    expect(await close(world)).toMatchObject({ without_subscription: 0 });
    expect(world.stripe.invoices.map(({ items }) => items.length)).toEqual([1, 1]);
    expect(await invoiceRows()).toMatchObject([{ status: "sent", stripe_id: "in_2", attempts: 1 }]);
    expect(await rows("SELECT identifier FROM stripe_invoice_outbox")).not.toEqual([first]);
  });

  test("get as many invoices as Stripe needs, and none that is empty", async () => {
    const world = await seedTwo();
    await close(world);
    await execute("DELETE FROM stripe_invoice_outbox");
    const [item] = world.stripe.items.filter(({ customer }) => customer === "cus_gone");
    if (item === undefined) throw new Error("no charge was sent");
    world.stripe.invoices.splice(0);
    await execute(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 258)
      INSERT INTO stripe_usage_outbox SELECT tenant_id, meter_key || i, cycle, corrected_cycle, part, mode, identifier || i,
        payload_json, status, intent_at, attempts, next_attempt_at, stripe_id, error, compare_after, sum_difference, trace_id,
        created_at, updated_at FROM stripe_usage_outbox, n WHERE tenant_id = 'gone' AND meter_key = 'calls'`);
    const charges = await rows<{ identifier: string }>(
      "SELECT identifier FROM stripe_usage_outbox WHERE tenant_id = 'gone'",
    );
    const { invoice: _taken, ...pending } = item;
    world.stripe.items.splice(
      0,
      Infinity,
      ...charges.map(({ identifier }, index) => ({
        ...pending,
        id: `ii_many_${index}`,
        metadata: { prego_identifier: identifier },
      })),
    );
    for (let round = 0; round < 4; round += 1) {
      world.clock.nowMs += HOUR_MS;
      await close(world);
    }
    expect(world.stripe.invoices.map(({ items }) => items.length)).toEqual([250, 10]);
    expect(await invoiceRows()).toMatchObject([{ status: "nothing_pending" }]);
  });

  test("of two cycles are collected by one invoice, and no empty one follows", async () => {
    const world = await seedTwo();
    await seedRollup("gone", "calls", { hour: "2026-10-10T05", qty: 5n * UNIT });
    await execute("UPDATE tenants_master SET subscription_status = 'active', created_at = '2026-10-01T00:00:00.000Z'");
    await close(world);
    await execute("UPDATE tenants_master SET subscription_status = 'canceled' WHERE tenant_id = 'gone'");
    expect(await close(world)).toMatchObject({ invoices: { sent: 1, nothing_pending: 1 }, without_subscription: 0 });
    expect(world.stripe.invoices.map(({ items }) => items.length)).toEqual([3]);
    expect(await invoiceRows()).toMatchObject([
      { cycle: "2026-10", status: "sent" },
      { cycle: "2026-11", status: "nothing_pending" },
    ]);
  });

  test("wait until all of the cycle's are at Stripe", async () => {
    const world = await seedTwo();
    await execute("DELETE FROM usage_rollups WHERE tenant_id = 'here'");
    let calls = 0;
    world.stripe.fault = (path) => (path === "POST /v1/invoiceitems" && (calls += 1) === 1 ? "before" : undefined);
    expect(await close(world)).toMatchObject({ outbox: { sent: 1, retried: 1 }, invoices: { sent: 0 } });
    world.clock.nowMs += HOUR_MS;
    expect(await close(world)).toMatchObject({ outbox: { sent: 1 }, invoices: { sent: 1 } });
    expect(world.stripe.invoices.map(({ items }) => items.length)).toEqual([2]);
  });

  test("are left alone once the tenant is being purged", async () => {
    const world = await seedTwo();
    await execute("UPDATE tenants_master SET status = 'Purging' WHERE tenant_id = 'gone'");
    await close(world);
    expect(world.stripe.invoices).toEqual([]);
  });

  test("get no invoice that was planned before the tenant's purge began", async () => {
    const world = await seedTwo();
    failFor(world, "POST /v1/invoices", "before");
    expect(await close(world)).toMatchObject({ invoices: { retried: 1 } });
    await execute("UPDATE tenants_master SET status = 'Purging' WHERE tenant_id = 'gone'");
    world.stripe.fault = () => undefined;
    world.clock.nowMs += HOUR_MS;
    expect(await close(world)).toMatchObject({ invoices: { sent: 0, retried: 0 } });
    expect(world.stripe.invoices).toEqual([]);
  });

  test("are planned by no run that read them before the tenant's purge began", async () => {
    const world = await seedTwo();
    failFor(world, "GET /v1/invoiceitems", "before");
    await close(world);
    const { db, now } = createDeps(env, world.runtime);
    const [debt] = await listEndedDebts(db, 1);
    if (debt === undefined) throw new Error("nothing is owed");
    await execute("UPDATE tenants_master SET status = 'Purging' WHERE tenant_id = 'gone'");
    const payload = { key_epoch: 0, customer: "cus_gone", currency: "eur", payment_method: null };
    const invoice = { debt, identifier: "prego_late", status: "pending", payload } as const;
    // A row in the tenant's own name would keep its purge from ending: the pseudonym has that key already.
    expect(await insertInvoice(db, invoice, { nowMs: now(), audit: [], trace: [] })).toBe(false);
    expect(await invoiceRows()).toEqual([]);
  });

  test("are shown to a person when Stripe refuses the invoice", async () => {
    const world = await seedTwo();
    failFor(world, "POST /v1/invoices", "400");
    expect(await close(world)).toMatchObject({ failed: 1, invoices: { rejected: 1 }, without_subscription: 2 });
    expect(await invoiceRows()).toMatchObject([{ status: "rejected", stripe_id: null }]);
  });

  test("stay owed when Stripe refuses the question whether the invoice was made", async () => {
    const world = await seedTwo();
    failFor(world, "POST /v1/invoices", "after");
    expect(await close(world)).toMatchObject({ invoices: { retried: 1 } });
    world.clock.nowMs += 25 * HOUR_MS;
    failFor(world, "GET /v1/invoices", "400");
    expect(await close(world)).toMatchObject({ failed: 0, invoices: { retried: 1, rejected: 0, stopped: null } });
    const [row] = await rows<{ status: string; error: string }>("SELECT status, error FROM stripe_invoice_outbox");
    expect(row).toMatchObject({ status: "pending", error: expect.stringContaining("look_up_refused") });
    world.stripe.fault = () => undefined;
    world.clock.nowMs += HOUR_MS;
    expect(await close(world)).toMatchObject({ invoices: { sent: 1 } });
    expect(world.stripe.invoices).toHaveLength(1);
    expect(await invoiceRows()).toMatchObject([{ status: "sent", stripe_id: "in_1" }]);
  });

  test.each(["GET /v1/subscriptions/sub_gone", "GET /v1/invoiceitems", "POST /v1/invoices"])(
    "wait when Stripe limits %s, and the run stops",
    async (path) => {
      const world = await seedTwo();
      failFor(world, path, "429");
      expect((await close(world)).invoices).toMatchObject({ sent: 0, retried: 1, stopped: "rate_limit_error (429)" });
      world.stripe.fault = () => undefined;
      world.clock.nowMs += HOUR_MS;
      expect((await close(world)).invoices).toMatchObject({ sent: 1, stopped: null });
      expect(world.stripe.invoices).toHaveLength(1);
    },
  );

  test("get one invoice from two runs at once", async () => {
    const world = await seedTwo();
    await Promise.all([close(world), close(world), close(world)]);
    world.clock.nowMs += HOUR_MS;
    await close(world);
    expect(world.stripe.invoices).toHaveLength(1);
    expect(await invoiceRows()).toMatchObject([{ status: "sent" }]);
  });
});

async function resumeUntilQuiet(world: World): Promise<void> {
  world.stripe.fault = () => undefined;
  for (let round = 0; round < 5; round += 1) {
    await close(world);
    const [row] = await invoiceRows();
    if (row?.status === "sent") return;
    world.clock.nowMs += 25 * HOUR_MS;
  }
}

async function sweep(mode: FaultMode, gapMs: number): Promise<number> {
  for (let call = 1; call <= CALLS_MAX; call += 1) {
    await resetDatabase();
    const world = await seedTwo();
    // Everything before the invoice is done: the sweep is over what belongs to it.
    failFor(world, "GET /v1/invoiceitems", "before");
    await close(world);
    world.clock.nowMs += HOUR_MS;
    const { deps, injector } = createFaultyDeps(world, { call, mode });
    await close(world, {}, deps).catch(() => undefined);
    world.clock.nowMs += gapMs;
    await resumeUntilQuiet(world);
    const point = `${mode} at call ${call}, resumed after ${gapMs / HOUR_MS} h`;
    expect(
      world.stripe.invoices.map(({ customer, items }) => [customer, items.length]),
      point,
    ).toEqual([["cus_gone", 2]]);
    expect(await invoiceRows(), point).toMatchObject([{ status: "sent", stripe_id: "in_1" }]);
    if (injector.calls < call) return call;
  }
  throw new Error("the sweep did not end");
}

describe.each([
  ["an hour", HOUR_MS],
  ["25 hours", 25 * HOUR_MS],
])("an invoice that broke at any call and is resumed after %s", (_, gapMs) => {
  test.each(FAULT_MODES)("is made once: %s", { timeout: 120_000 }, async (mode) => {
    expect(await sweep(mode, gapMs)).toBeGreaterThan(mode.startsWith("saved") ? 2 : 10);
  });
});
