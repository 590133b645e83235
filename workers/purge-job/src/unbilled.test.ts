import { describe, expect, test } from "vitest";
import { createTestRuntime, query, runOnce } from "./purge-test-kit.ts";
import { insert, seedTenant } from "./seed-test-kit.ts";

type Row = Parameters<typeof insert>[1];

const TEXT = "2026-11-01T00:30:00.000Z";
const TWO_DAYS_AGO = "2026-11-19T01:00:00.000Z";
const AN_HOUR_AGO = "2026-11-21T01:00:00.000Z";
const YESTERDAY = "2026-11-20T02:00:00.000Z";
const WEEK_AFTER_DEADLINE_MS = Date.parse("2026-11-27T02:00:00.000Z");

const rollup = (tenant_id: string, hour: string): Row => ({
  tenant_id,
  meter_key: "calls",
  hour,
  qty: 1,
  events: 1,
  first_event_at: TEXT,
  last_event_at: TEXT,
  updated_at: TEXT,
});
const closedMonth = (tenant_id: string, cycle = "2026-10", corrected_cycle = cycle): Row => ({
  tenant_id,
  meter_key: "calls",
  cycle,
  corrected_cycle,
  qty: 1,
  included: 1,
  overage: 0,
  amount_minor: 0,
  currency: "eur",
  plan_snapshot_json: "{}",
  rollup_digest: "d",
  closed_at: TEXT,
});
const object = (tenant_id: string): Row => ({
  r2_key: `usage_raw/tenant_id=${tenant_id}/a`,
  tenant_id,
  hour: "2026-10-31T23",
  events: 1,
  bytes: 1,
  sha256: "s",
  status: "pending",
  created_at: TEXT,
});
const lateUsage = (tenant_id: string): Row => ({
  tenant_id,
  meter_key: "calls",
  corrected_cycle: "2026-09",
  r2_key: "a",
  qty: 1,
  events: 1,
  created_at: TEXT,
});
const charge = (tenant_id: string): Row => ({
  tenant_id,
  meter_key: "calls",
  cycle: "2026-10",
  corrected_cycle: "2026-10",
  mode: "invoice_item",
  identifier: `prego_${tenant_id}`,
  payload_json: '{"currency":"eur"}',
  status: "pending",
  next_attempt_at: TEXT,
  created_at: TEXT,
  updated_at: TEXT,
});
const sentCharge = (tenant_id: string): Row => ({ ...charge(tenant_id), status: "sent" });
const invoice = (tenant_id: string, at = TWO_DAYS_AGO): Row => ({
  tenant_id,
  cycle: "2026-10",
  currency: "eur",
  identifier: `prego_invoice_${tenant_id}`,
  payload_json: "{}",
  status: "sent",
  next_attempt_at: at,
  created_at: at,
  updated_at: at,
});

const statusOf = async (tenantId: string): Promise<string | undefined> =>
  (await query<{ status: string }>("SELECT status FROM tenants_master WHERE tenant_id = ?", tenantId))[0]?.status;

async function seedBilled(tenantId: string): Promise<void> {
  await seedTenant(tenantId, { purge_after: YESTERDAY, subscription_status: "canceled" });
  await insert("usage_rollups", rollup(tenantId, "2026-10-31T23"));
  await insert("usage_cycle_totals", closedMonth(tenantId));
}

/** The cycles that are looked after; storage is shared by the tests. */
async function seedRuns(): Promise<void> {
  const known = await query<{ cycle: string }>("SELECT cycle FROM cycle_runs");
  if (known.length === 0) await insert("cycle_runs", ...["2026-08", "2026-09", "2026-10"].map(cycleRun));
}

const cycleRun = (cycle: string): Row => ({ cycle, status: "closed", event_time_bound: TEXT, opened_at: TEXT });

describe("a purge waits for the tenant's last bill", () => {
  test.each<[string, string, (tenantId: string) => Row]>([
    ["usage is not rolled up yet", "usage_objects", object],
    ["usage of 2026-11 is not closed yet", "usage_rollups", (id) => rollup(id, "2026-11-01T00")],
    ["late usage is not closed yet", "usage_adjustments", lateUsage],
    ["a charge has not been sent yet", "stripe_usage_outbox", charge],
  ])("while %s, at most seven days", async (reason, table, makeRow) => {
    const tenantId = `waits-${table}`;
    await seedBilled(tenantId);
    await insert(table, makeRow(tenantId));
    const report = await runOnce(createTestRuntime());
    expect(report).toMatchObject({ started: 0, waiting: 1, failed: 0 });
    expect(report.purges).toMatchObject([{ outcome: "waiting", step: "begin", reason }]);
    expect(await statusOf(tenantId)).toBe("Pending_Deletion");

    const later = createTestRuntime();
    later.clock.nowMs = WEEK_AFTER_DEADLINE_MS;
    expect(await runOnce(later)).toMatchObject({ started: 1, completed: 1, failed: 0 });
    expect(await statusOf(tenantId)).toBe("Purged");
  });

  test.each<[string, string, Record<string, Row[]>]>([
    ["a charge is on no invoice yet", "no-invoice", { stripe_usage_outbox: [sentCharge("no-invoice")] }],
    [
      "a charge is on no invoice yet",
      "sent-after",
      {
        stripe_usage_outbox: [{ ...sentCharge("sent-after"), updated_at: "2026-11-19T01:00:00.001Z" }],
        stripe_invoice_outbox: [invoice("sent-after")],
      },
    ],
    [
      "a charge is on no invoice yet",
      "other-currency",
      {
        stripe_usage_outbox: [sentCharge("other-currency")],
        stripe_invoice_outbox: [{ ...invoice("other-currency"), currency: "usd" }],
      },
    ],
    [
      "an invoice has not been charged yet",
      "draft",
      { stripe_usage_outbox: [sentCharge("draft")], stripe_invoice_outbox: [invoice("draft", AN_HOUR_AGO)] },
    ],
    [
      "usage of 2026-09 is not closed yet",
      "older-month",
      {
        usage_rollups: [rollup("older-month", "2026-09-30T23")],
        usage_cycle_totals: [closedMonth("older-month", "2026-08")],
      },
    ],
  ])("while %s (%s)", async (reason, tenantId, tables) => {
    await seedRuns();
    await seedBilled(tenantId);
    for (const [table, rows] of Object.entries(tables)) await insert(table, ...rows);
    const report = await runOnce(createTestRuntime());
    expect(report.purges).toMatchObject([{ outcome: "waiting", step: "begin", reason }]);
    const later = createTestRuntime();
    later.clock.nowMs = WEEK_AFTER_DEADLINE_MS;
    expect(await runOnce(later)).toMatchObject({ started: 1, completed: 1, failed: 0 });
  });

  test.each<[string, string, Record<string, Row[]>]>([
    [
      "all of it was closed, sent and invoiced",
      "billed",
      { stripe_usage_outbox: [sentCharge("billed")], stripe_invoice_outbox: [invoice("billed")] },
    ],
    [
      "its charge went to a billing meter",
      "metered",
      { stripe_usage_outbox: [{ ...sentCharge("metered"), mode: "meter_event" }] },
    ],
    [
      "the charge without an invoice is of a cycle that nobody looks at any more",
      "old-cycle",
      { stripe_usage_outbox: [{ ...sentCharge("old-cycle"), cycle: "2026-07" }] },
    ],
    ["usage is older than its first closed month", "older", { usage_rollups: [rollup("older", "2026-09-30T23")] }],
    [
      "a month was closed as late usage",
      "late-month",
      {
        usage_rollups: [rollup("late-month", "2026-09-30T23")],
        usage_cycle_totals: [
          closedMonth("late-month", "2026-08"),
          { ...closedMonth("late-month", "2026-10", "2026-09"), meter_key: "other" },
        ],
      },
    ],
  ])("and begins at once when %s", async (_, tenantId, tables) => {
    await seedRuns();
    await seedBilled(tenantId);
    for (const [table, rows] of Object.entries(tables)) await insert(table, ...rows);
    expect(await runOnce(createTestRuntime())).toMatchObject({ started: 1, completed: 1, waiting: 0 });
  });

  test("and leaves its place under the cap to others", async () => {
    for (const index of [1, 2, 3, 4, 5]) {
      await seedBilled(`queued-${index}`);
      await insert("usage_objects", object(`queued-${index}`));
    }
    await seedTenant("next-in-line", { purge_after: "2026-11-20T03:00:00.000Z" });
    expect(await runOnce(createTestRuntime())).toMatchObject({ started: 1, completed: 1, waiting: 5, cap: 5 });
    expect(await statusOf("next-in-line")).toBe("Purged");
  });
});
