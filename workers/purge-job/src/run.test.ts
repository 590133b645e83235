import { describe, expect, test } from "vitest";
import { sha256Hex } from "@prego/core/auth";
import {
  AUDIT_GENESIS_HASH,
  auditRowHash,
  canonicalJson,
  verifyAuditChain,
  type SealedAuditRow,
} from "@prego/core/audit";
import { formatInstant } from "@prego/core/period";
import { deriveKeyedNames } from "./domain/keyed-names.ts";
import { bucket, createTestRuntime, findText, listAll, PURGE_KEY, query, runOnce, snapshot } from "./purge-test-kit.ts";
import { insert, NOW_MS, seedData, seedTenant } from "./seed-test-kit.ts";
import { createFakeStripe, fakeCustomer } from "./stripe-test-kit.ts";

interface RunRow {
  purge_id: string;
  tenant_id: string | null;
  status: string;
  plan_json: string;
  certificate_key: string;
  certificate_sha256: string;
}

interface Certificate {
  stores: { store: string; planned: number; deleted: number; found_later: number; relisted: number }[];
  retained: { store: string; rows: number; reason: string; until: string }[];
  third_parties: { name: string; status: string; until?: string }[];
}

const findRun = async (tenantId: string): Promise<RunRow | undefined> => {
  const { tombstone } = await deriveKeyedNames(PURGE_KEY, tenantId);
  return (await query<RunRow>("SELECT * FROM purge_runs WHERE tombstone = ?", tombstone))[0];
};

const readCertificate = async (tenantId: string): Promise<string> =>
  (await (await bucket.get((await findRun(tenantId))?.certificate_key ?? "none"))?.text()) ?? "";

const statusOf = async (tenantId: string): Promise<string | undefined> =>
  (await query<{ status: string }>("SELECT status FROM tenants_master WHERE tenant_id = ?", tenantId))[0]?.status;

/** Seals the chain as control-plane's cron does. */
async function sealChain(): Promise<SealedAuditRow[]> {
  const rows = await query<SealedAuditRow>(
    `SELECT seq, ts, actor, action, tenant_id AS tenantId, target, trace_id AS traceId, detail_commitment AS detailCommitment,
       prev_hash AS prevHash, hash FROM audit_logs ORDER BY seq`,
  );
  let head = AUDIT_GENESIS_HASH;
  for (const row of rows) {
    row.prevHash ??= head;
    row.hash ??= await auditRowHash(head, row);
    await query(
      "UPDATE audit_logs SET prev_hash = ?, hash = ? WHERE seq = ? AND hash IS NULL RETURNING seq",
      head,
      row.hash,
      row.seq,
    );
    head = row.hash;
  }
  return rows;
}

describe("a purge", () => {
  test("erases a tenant everywhere, ends with a certificate, and leaves its twins as they were", async () => {
    const stripe = createFakeStripe(fakeCustomer("cus_t1"), fakeCustomer("cus_t10"));
    await seedTenant("t1", { stripe_customer_id: "cus_t1", stripe_subscription_id: "sub_of_cus_t1" });
    await seedData("t1");
    await seedTenant("t10", { status: "Active", stripe_customer_id: "cus_t10" });
    await seedData("t10");
    const twin = await snapshot("t10");

    const report = await runOnce(createTestRuntime(stripe.fetch));
    expect(report).toMatchObject({ started: 1, completed: 1, failed: 0, waiting: 0, held: 0, changed_meanwhile: 0 });

    expect(await snapshot("t10")).toBe(twin);
    expect(stripe.customers.get("cus_t10")).toEqual(fakeCustomer("cus_t10"));
    expect(await listAll("usage_raw/tenant_id=t1/")).toEqual([]);
    const run = await findRun("t1");
    expect(run).toMatchObject({ tenant_id: null, status: "completed" });
    const text = await readCertificate("t1");
    expect(await sha256Hex(text)).toBe(run?.certificate_sha256);
    expect(canonicalJson(JSON.parse(text))).toBe(text);
    const { tombstone } = await deriveKeyedNames(PURGE_KEY, "t1");
    expect(await listAll("tombstones/")).toEqual([`tombstones/${tombstone}.json`]);
    expect(await query("SELECT * FROM tenants_master WHERE tenant_id = 't1'")).toMatchObject([
      {
        status: "Purged",
        name: null,
        slug: `purged-${tombstone.slice(0, 24)}`,
        short_id: `purged-${tombstone.slice(0, 24)}`,
        stripe_customer_id: null,
        stripe_subscription_id: null,
        trace_id: "trace_1t",
      },
    ]);
  });

  test("names in its certificate what was planned, deleted, found again, kept and why, and nobody", async () => {
    const text = await readCertificate("t1");
    const certificate = JSON.parse(text) as Certificate;
    expect(certificate).toMatchObject({
      purge_id: (await findRun("t1"))?.purge_id,
      trace_id: "trace_1t",
      completed_at: formatInstant(NOW_MS),
      time_travel_until: "2026-12-21T02:00:00.000Z",
      holds: { legal_hold: false },
      buffers: [{ store: "usage_buffer", category: "buffer", status: "self-erasing within 24 h" }],
    });
    expect(certificate.stores.map(({ store, planned }) => [store, planned])).toEqual([
      ["r2_usage", 3],
      ["usage_rollups", 1],
      ["usage_distinct_values", 1],
      ["usage_adjustments", 1],
      ["usage_objects", 2],
      ["stripe_usage_outbox", 1],
      ["stripe_invoice_outbox", 1],
      ["usage_cycle_totals", 1],
      ["stripe_events", 1],
      ["stripe_subscriptions", 1],
      ["tenant_plans", 1],
      ["audit_details", 2],
      ["funnel_events", 2],
      ["trace_events", 2],
      ["dispatches", 1],
      ["provision_jobs", 1],
    ]);
    for (const store of certificate.stores) {
      expect(store).toMatchObject({ deleted: store.planned, found_later: 0, gone_before: 0, relisted: 0 });
    }
    expect(certificate.retained.map(({ store, rows }) => [store, rows])).toEqual([
      ["stripe_usage_outbox", 1],
      ["stripe_invoice_outbox", 1],
      ["usage_cycle_totals", 1],
      ["trace_events", expect.any(Number)],
      ["audit_logs", 2],
      ["purge_runs", 1],
      ["tenants_master", 1],
    ]);
    for (const { until } of certificate.retained) expect(until).toBe("2036-11-21T00:00:00.000Z");
    expect(certificate.third_parties).toEqual([
      {
        name: "stripe",
        status: "customer deleted; redaction pending until 90 days after the last transaction",
        until: formatInstant(1_790_000_000_000 + 90 * 86_400_000),
      },
      { name: "node", status: "deprovisioned" },
    ]);
    expect(text).not.toMatch(/"t1"|cus_t1|sub_of|Name of|slug-t1|short-t1/);
  });

  test("keeps money under a pseudonym that neither certificate nor tombstone gives away, and halts what was unsent", async () => {
    const { pseudonym, tombstone } = await deriveKeyedNames(PURGE_KEY, "t1");
    expect(pseudonym).toMatch(/^pseudo_[0-9a-f]{32}$/);
    expect(tombstone).not.toContain(pseudonym.slice(7));
    expect(await readCertificate("t1")).not.toContain(pseudonym.slice(7));
    expect(await query("SELECT * FROM usage_cycle_totals WHERE tenant_id = ?", pseudonym)).toMatchObject([
      { meter_key: "calls", amount_minor: 10, currency: "eur" },
    ]);
    expect(await query("SELECT * FROM stripe_usage_outbox WHERE tenant_id = ?", pseudonym)).toMatchObject([
      {
        identifier: `${pseudonym}/calls/2026-10/2026-10/`,
        payload_json: "{}",
        trace_id: null,
        error: null,
        status: "failed",
      },
    ]);
  });

  test("leaves its ids in three tables, and its name, its customer and its slug nowhere", async () => {
    const own = "ten_residue";
    const stripe = createFakeStripe(fakeCustomer(`cus_${own}`));
    await seedTenant(own, { stripe_customer_id: `cus_${own}`, name: "Ada Lovelace", slug: "ada-shop" });
    await seedData(own);
    expect(Object.keys(await findText(own)).length).toBeGreaterThan(12);
    await runOnce(createTestRuntime(stripe.fetch));
    expect(Object.keys(await findText(own)).toSorted()).toEqual(["audit_logs", "tenants_master", "trace_events"]);
    for (const gone of [`cus_${own}`, "Ada Lovelace", "ada-shop", `f_${own}`, `sub_${own}`]) {
      expect(await findText(gone)).toEqual({});
    }
  });

  test("ends everything at Stripe: subscriptions, open invoices, payment methods, the customer", async () => {
    const stripe = createFakeStripe(fakeCustomer("cus_stripe_case"));
    await seedTenant("stripe_case", { stripe_customer_id: "cus_stripe_case" });
    await runOnce(createTestRuntime(stripe.fetch));
    expect(stripe.customers.get("cus_stripe_case")).toMatchObject({
      deleted: true,
      subscriptions: [{ status: "canceled" }],
      invoices: [{ status: "void" }, { status: "paid" }],
      paymentMethods: [],
    });
  });

  test("leaves a Stripe customer alone that another tenant uses too, with that tenant's subscription", async () => {
    const shared = fakeCustomer("cus_shared");
    shared.subscriptions = [
      { id: "sub_other", status: "past_due" },
      { id: "sub_own", status: "canceled" },
    ];
    const stripe = createFakeStripe(shared);
    await seedTenant("sharer_a", {
      stripe_customer_id: "cus_shared",
      stripe_subscription_id: "sub_other",
      status: "Active",
    });
    await seedTenant("sharer_b", { stripe_subscription_id: "sub_own" });
    await insert("stripe_subscriptions", {
      subscription_id: "sub_own",
      customer_id: "cus_shared",
      tenant_id: "sharer_b",
      status: "canceled",
      state_as_of: 1,
      updated_at: "2026-10-01T00:00:00.000Z",
    });
    expect(await runOnce(createTestRuntime(stripe.fetch))).toMatchObject({ completed: 1, failed: 0 });
    expect(stripe.customers.get("cus_shared")).toMatchObject({
      deleted: false,
      subscriptions: [
        { id: "sub_other", status: "past_due" },
        { id: "sub_own", status: "canceled" },
      ],
      paymentMethods: ["pm_1_of_cus_shared", "pm_2_of_cus_shared"],
    });
  });

  test("keeps the audit rows, and their chain verifies without the details", async () => {
    await seedTenant("chain");
    await seedData("chain");
    await sealChain();
    await runOnce(createTestRuntime(createFakeStripe().fetch));
    const rows = await sealChain();
    expect(await verifyAuditChain(rows, AUDIT_GENESIS_HASH)).toMatchObject({ ok: true });
    expect(rows.filter((row) => row.tenantId === "chain").map((row) => row.action)).toEqual([
      "tenant.created",
      "purge.started",
      "purge.completed",
    ]);
    const run = await findRun("chain");
    expect(rows.at(-1)?.target).toBe(`${run?.certificate_key}#sha256=${run?.certificate_sha256}`);
    expect(await query("SELECT commitment FROM audit_details WHERE tenant_id = 'chain'")).toEqual([]);
  });

  test("leaves a tombstone as it was placed by an earlier purge of the same id", async () => {
    await seedTenant("restored");
    const { tombstone } = await deriveKeyedNames(PURGE_KEY, "restored");
    await bucket.put(`tombstones/${tombstone}.json`, "placed before a restore");
    expect(await runOnce(createTestRuntime())).toMatchObject({ completed: 1, failed: 0 });
    expect(await (await bucket.get(`tombstones/${tombstone}.json`))?.text()).toBe("placed before a restore");
  });

  test("puts a certificate into R2 that an earlier run left behind, and never over another text", async () => {
    await seedTenant("owed");
    await runOnce(createTestRuntime());
    const run = await findRun("owed");
    const text = await readCertificate("owed");
    const owe = (): Promise<unknown> =>
      query(
        "UPDATE purge_steps SET status = 'pending' WHERE purge_id = ? AND step = 'certificate' RETURNING step",
        run?.purge_id ?? "",
      );
    await owe();
    await bucket.delete(run?.certificate_key ?? "");
    expect(await runOnce(createTestRuntime())).toMatchObject({ failed: 0 });
    expect(await readCertificate("owed")).toBe(text);
    await owe();
    await bucket.put(run?.certificate_key ?? "", "forged");
    expect(await runOnce(createTestRuntime())).toMatchObject({ failed: 1 });
    expect(await readCertificate("owed")).toBe("forged");
    await bucket.delete(run?.certificate_key ?? "");
    expect(await runOnce(createTestRuntime())).toMatchObject({ failed: 0 });
  });

  test("is not done again by a second run", async () => {
    await seedTenant("once");
    await seedData("once");
    await runOnce(createTestRuntime(createFakeStripe().fetch));
    const certificate = await readCertificate("once");
    const again = await runOnce(createTestRuntime());
    expect(again).toMatchObject({ started: 0, continued: 0, completed: 0, failed: 0, swept: 0, purges: [] });
    expect(await readCertificate("once")).toBe(certificate);
  });

  test("of one tenant fails alone: the others are purged, and it is carried on next time", async () => {
    const stripe = createFakeStripe(fakeCustomer("cus_good_1"), fakeCustomer("cus_bad"), fakeCustomer("cus_good_2"));
    let isBroken = true;
    const outside = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> =>
      isBroken && /(?:customers\/|invoices\?.*)cus_bad/.test(new Request(input, init).url)
        ? Promise.resolve(
            Response.json({ error: { type: "api_error", message: "broken for cus_bad" } }, { status: 500 }),
          )
        : stripe.fetch(input, init);
    for (const id of ["good_1", "bad", "good_2"]) await seedTenant(id, { stripe_customer_id: `cus_${id}` });
    const runtime = createTestRuntime(outside);
    const report = await runOnce(runtime);
    expect(report).toMatchObject({ started: 3, completed: 2, failed: 1 });
    expect(JSON.stringify([report, runtime.lines])).not.toContain("cus_bad");
    expect(await statusOf("bad")).toBe("Purging");
    isBroken = false;
    expect(await runOnce(runtime)).toMatchObject({ started: 0, continued: 1, completed: 1, failed: 0 });
    expect(await statusOf("bad")).toBe("Purged");
  });
});
