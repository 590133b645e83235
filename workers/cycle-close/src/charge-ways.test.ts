import { usageObjectKey } from "@prego/core/usage-object";
import { beforeEach, describe, expect, test } from "vitest";
import { close, createWorld, CYCLE, DAY_MS, env, HOUR_MS, jobRun, type World } from "./cycle-close-test-kit.ts";
import { createDeps } from "./deps.ts";
import type { explainLine } from "./explain.ts";
import type { Preview } from "./preview.ts";
import { send } from "./route-test-kit.ts";
import { runClose } from "./run.ts";
import {
  execute,
  resetDatabase,
  rows,
  seedLate,
  seedPlan,
  seedPlanChange,
  seedRollup,
  seedTenant,
} from "./seed-test-kit.ts";

const UNIT = 1_000_000n;
const DECEMBER_MS = Date.parse("2027-01-01T00:40:00Z");
const price = (unitAmount: string) => ({ model: "flat", unitAmount });
const metered = (unitAmount: string) => ({ api: { price: price(unitAmount), eventName: "api_calls" } });

/** What Stripe holds of the tenants, as text. */
const held = ({ stripe }: World): string[] => [
  ...stripe.items.map(({ customer, amount, metadata }) =>
    [customer, "item", amount, metadata["amount_reason"] ?? ""].join(" ").trim(),
  ),
  ...stripe.events.map(({ customer, value }) => `${customer} event ${value}`),
];

const preview = async (world: World, cycle = CYCLE): Promise<Preview> =>
  (await send(world, `/cycle-close/preview?tenant_id=t1&cycle=${cycle}`)).json();
const waysOf = ({ lines }: Pick<Preview, "lines">) => lines.map((line) => [line.charge_mode, line.charge_mode_reason]);
/** What is planned and what was closed are shown the same. */
const shown = ({ lines, charges, amounts }: Preview) => ({
  lines,
  amounts,
  charges: charges
    .map(({ meter_key, part, mode, identifier, payload }) => ({ meter_key, part, mode, identifier, payload }))
    .toSorted((a, b) => (a.identifier < b.identifier ? -1 : 1)),
});

const lateKey = (hour: string, name: string) => ({ key: usageObjectKey({ tenantId: "t1", hour, name }) });
const endSubscription = (status = "canceled", at = "2026-11-20T00:00:00.000Z"): Promise<void> =>
  execute(
    "UPDATE tenants_master SET subscription_status = ?, status = 'Pending_Deletion', pending_deletion_at = ? WHERE tenant_id = 't1'",
    status,
    at,
  );
/** Closes without Stripe's key, so that nothing is sent yet. */
const closeUnsent = (world: World) => {
  const { STRIPE_SECRET_KEY: _key, ...keyless } = env;
  return runClose(createDeps(keyless, world.runtime), jobRun(world));
};

/** An earlier subscription of the tenant, and from when on events speak of the one of now. */
async function comeBack(endedAt: string, statedAt?: string): Promise<void> {
  await execute(
    "INSERT INTO stripe_subscriptions VALUES ('sub_before', 'cus_t1', 't1', 'canceled', NULL, NULL, CAST(? AS INTEGER), ?, NULL, NULL)",
    Date.parse(endedAt) / 1_000,
    endedAt,
  );
  // The end is an event too, and says which plan its second had.
  await seedPlanChange("t1", "metered", endedAt);
  if (statedAt !== undefined) await seedPlanChange("t1", "metered", statedAt);
}

beforeEach(async () => {
  await resetDatabase();
  await seedPlan("metered", { mode: "meter_event", meters: metered("3") });
  await seedPlan("second", { mode: "meter_event", meters: metered("5") });
  await seedPlan("items", { meters: metered("2") });
  await seedRollup("t1", "api", { hour: "2026-11-05T00", qty: 10n * UNIT });
  await seedRollup("t1", "api", { hour: "2026-11-15T00", qty: 20n * UNIT });
});

describe("a move to another plan inside the month", () => {
  test.each([
    ["metered", "second", ["cus_t1 item 30 plan_left", "cus_t1 event 20"]],
    ["metered", "items", ["cus_t1 item 30 plan_left", "cus_t1 item 40"]],
    ["items", "metered", ["cus_t1 item 20", "cus_t1 event 20"]],
  ])("from %s to %s bills each part once, previewed as it is closed", async (from, to, expected) => {
    await seedTenant("t1", { plan: to });
    await seedPlanChange("t1", from, "2026-10-01T00:00:00.000Z");
    await seedPlanChange("t1", to, "2026-11-10T07:30:00.000Z");
    const world = createWorld();
    const planned = await preview(world);
    const dry = await send(world, "/cycle-close?dry_run=1", { method: "POST" });
    expect(await close(world)).toMatchObject({ failed: 0, without_subscription: 0 });
    expect(held(world).toSorted()).toEqual(expected.toSorted());
    expect(shown(await preview(world))).toEqual(shown(planned));
    expect(await dry.json()).toMatchObject({ report: { cycles: [{ tenants: [{ lines: planned.lines }] }] } });
  });

  test("and back bills the first part as an amount too: Stripe's item of the plan is younger", async () => {
    await seedTenant("t1", { plan: "metered" });
    await seedPlanChange("t1", "metered", "2026-10-01T00:00:00.000Z");
    await seedPlanChange("t1", "second", "2026-11-10T00:00:00.000Z");
    await seedPlanChange("t1", "metered", "2026-11-10T00:00:00.000Z");
    await seedPlanChange("t1", "second", "2026-11-12T00:00:00.000Z");
    await seedPlanChange("t1", "metered", "2026-11-14T00:00:00.000Z");
    const world = createWorld();
    await close(world);
    expect(held(world).toSorted()).toEqual(["cus_t1 event 20", "cus_t1 item 30 subscribed_later"]);
  });

  test("and back within one second is no move", async () => {
    await seedTenant("t1", { plan: "metered" });
    for (const plan of ["metered", "second", "metered"]) await seedPlanChange("t1", plan, "2026-10-01T00:00:00.000Z");
    const world = createWorld();
    await close(world);
    expect(held(world)).toEqual(["cus_t1 event 30"]);
  });

  test("in the second in which it was said to have the old one leaves no late event for a time without the plan", async () => {
    await seedTenant("t1", { plan: "metered", createdAt: "2026-10-05T00:00:00.000Z" });
    await seedPlanChange("t1", "metered", "2026-10-01T00:00:00.000Z");
    const world = createWorld(Date.parse("2026-11-01T00:40:00Z"));
    await close(world);
    await seedPlanChange("t1", "metered", "2026-11-30T00:00:00.000Z");
    await seedPlanChange("t1", "second", "2026-11-30T00:00:00.000Z");
    await seedPlanChange("t1", "metered", "2026-12-01T00:10:00.000Z");
    await seedLate("t1", "api", { corrected: "2026-10", ...lateKey("2026-10-05T00", "a"), qty: UNIT });
    world.clock.nowMs = Date.parse("2026-12-01T00:40:00Z");
    await close(world);
    expect(held(world).toSorted()).toEqual(["cus_t1 item 3 subscribed_later", "cus_t1 item 90 subscribed_later"]);
  });

  test("after the month and before its close bills the month by the plan that it had", async () => {
    await seedTenant("t1", { plan: "second" });
    await seedPlanChange("t1", "metered", "2026-10-01T00:00:00.000Z");
    await seedPlanChange("t1", "second", "2026-12-01T00:10:00.000Z");
    const world = createWorld();
    await close(world);
    expect(held(world)).toEqual(["cus_t1 item 90 plan_left"]);
    const answer = await send(world, `/cycle-close/explain?tenant_id=t1&meter_key=api&cycle=${CYCLE}`);
    const explained: Awaited<ReturnType<typeof explainLine>> = await answer.json();
    expect(explained).toMatchObject({
      lines: [{ charge_mode: "invoice_item", charge_mode_reason: "plan_left" }],
      charges: [{ mode: "invoice_item", payload: { amount_reason: "plan_left" } }],
    });
    expect(explained.lines[0]?.plan_snapshot).toMatchObject({ billing_mode: "meter_event", meter_units: null });
  });

  test("leaves one sum for Stripe's meter: that of the events", async () => {
    await seedTenant("t1", { plan: "second" });
    await seedPlanChange("t1", "metered", "2026-10-01T00:00:00.000Z");
    await seedPlanChange("t1", "second", "2026-11-10T00:00:00.000Z");
    const world = createWorld();
    await close(world);
    world.clock.nowMs += 6 * HOUR_MS;
    expect((await close(world)).sums).toEqual({ compared: 1, differing: 0, postponed: 0 });
  });
});

describe("a new version of the plan", () => {
  const laterVersion = (effectiveFrom: string) =>
    seedPlan("metered", {
      mode: "meter_event",
      version: 2,
      effectiveFrom,
      meters: { api: { price: price("3"), eventName: "api_calls_v2" } },
    });

  test("that sends the meter elsewhere makes amounts of what was used before it, also when it came after the month", async () => {
    await seedTenant("t1", { plan: "metered" });
    await laterVersion("2026-12-01T00:00:00.000Z");
    const inside = createWorld(Date.parse("2026-11-20T00:00:00Z"));
    expect(waysOf(await preview(inside))).toEqual([["invoice_item", "meter_not_in_live_plan"]]);
    const world = createWorld();
    await close(world);
    expect(held(world)).toEqual(["cus_t1 item 90 meter_not_in_live_plan"]);
  });

  test("that comes into force after the close is not asked, one that does before a late close is", async () => {
    await seedTenant("t1", { plan: "metered" });
    await laterVersion("2026-12-02T00:00:00.000Z");
    const late = createWorld(Date.parse("2026-12-02T05:00:00Z"));
    expect(waysOf(await preview(late))).toEqual([["invoice_item", "meter_not_in_live_plan"]]);
    const world = createWorld();
    await close(world);
    expect(held(world)).toEqual(["cus_t1 event 30"]);
  });

  test("in the other mode makes amounts of what was used before it, whatever meters it still names", async () => {
    await seedTenant("t1", { plan: "metered" });
    await seedPlan("metered", { version: 2, effectiveFrom: "2026-12-01T00:00:00.000Z", meters: metered("3") });
    const world = createWorld();
    await close(world);
    expect(held(world)).toEqual(["cus_t1 item 90 meter_not_in_live_plan"]);
  });
});

describe("a metered plan without a subscription that Stripe invoices", () => {
  test.each([
    ["canceled", ["cus_t1 item 90 no_live_subscription"]],
    ["incomplete_expired", ["cus_t1 item 90 no_live_subscription"]],
    ["paused", ["cus_t1 item 90 no_live_subscription"]],
    ["past_due", ["cus_t1 event 30"]],
    ["unpaid", ["cus_t1 event 30"]],
    ["trialing", ["cus_t1 event 30"]],
  ])("%s", async (subscription, expected) => {
    await seedTenant("t1", { plan: "metered", subscription });
    const world = createWorld();
    await close(world);
    expect(held(world)).toEqual(expected);
  });

  test("has its amounts on an invoice of its own, late ones of earlier months too, and nothing is counted as uncollected", async () => {
    await seedTenant("t1", { plan: "metered", createdAt: "2026-10-05T00:00:00.000Z" });
    const world = createWorld();
    await close(world);
    await endSubscription("canceled", "2026-12-10T00:00:00.000Z");
    await seedLate("t1", "api", { corrected: CYCLE, ...lateKey("2026-11-05T00", "late"), qty: 4n * UNIT });
    await seedRollup("t1", "api", { hour: "2026-12-05T00", qty: 5n * UNIT });
    world.clock.nowMs = DECEMBER_MS;
    const planned = await preview(world, "2026-12");
    expect(await close(world)).toMatchObject({ failed: 0, invoices: { sent: 1 }, without_subscription: 0 });
    expect(held(world).toSorted()).toEqual([
      "cus_t1 event 30",
      "cus_t1 item 12 no_live_subscription",
      "cus_t1 item 15 no_live_subscription",
    ]);
    expect(world.stripe.invoices).toMatchObject([{ customer: "cus_t1", items: ["ii_1", "ii_2"] }]);
    expect(shown(await preview(world, "2026-12"))).toEqual(shown(planned));
  });

  test("whose checkout is known and its state is not yet counts as running", async () => {
    await seedTenant("t1", { plan: "metered" });
    await execute("UPDATE tenants_master SET subscription_status = NULL");
    const world = createWorld();
    await close(world);
    expect(held(world)).toEqual(["cus_t1 event 30"]);
  });

  test("that Stripe told of lately is no younger for it", async () => {
    await seedTenant("t1", { plan: "metered" });
    await seedPlanChange("t1", "metered", "2026-10-01T00:00:00.000Z");
    await execute(
      "INSERT INTO stripe_subscriptions VALUES ('sub_t1', 'cus_t1', 't1', 'active', NULL, NULL, CAST(? AS INTEGER), '', NULL, NULL)",
      Date.parse("2026-12-01T00:20:00Z") / 1_000,
    );
    const world = createWorld();
    await close(world);
    expect(held(world)).toEqual(["cus_t1 event 30"]);
  });

  test("nor ever any owes an amount", async () => {
    await seedTenant("t1", { plan: "metered", subscription: null });
    const world = createWorld();
    await close(world);
    expect(held(world)).toEqual(["cus_t1 item 90 no_live_subscription"]);
  });
});

describe("a tenant that came back with a new subscription of the same plan", () => {
  test.each([
    ["inside the month", "2026-11-10T00:00:00.000Z", "2026-11-20T00:00:00.000Z", "event 30"],
    [
      "after the month, before its close",
      "2026-11-10T00:00:00.000Z",
      "2026-12-01T00:10:00.000Z",
      "item 90 subscribed_later",
    ],
    ["without an event that says when", "2026-11-10T00:00:00.000Z", undefined, "item 90 subscribed_later"],
    ["months ago", "2026-08-10T00:00:00.000Z", "2026-08-20T00:00:00.000Z", "event 30"],
  ])("%s", async (_, endedAt, statedAt, expected) => {
    await seedTenant("t1", { plan: "metered" });
    await seedPlanChange("t1", "metered", "2026-07-01T00:00:00.000Z");
    await comeBack(endedAt, statedAt);
    const world = createWorld();
    await close(world);
    expect(held(world)).toEqual([`cus_t1 ${expected}`]);
  });

  test("owes late usage of a month that was billed as an amount as an amount, and of others as meter events", async () => {
    await seedTenant("t1", { plan: "metered", createdAt: "2026-09-05T00:00:00.000Z" });
    await seedRollup("t1", "api", { hour: "2026-10-05T00", qty: 7n * UNIT });
    const world = createWorld(Date.parse("2026-11-01T00:40:00Z"));
    await close(world);
    await endSubscription();
    world.clock.nowMs = Date.parse("2026-12-01T00:40:00Z");
    await close(world);
    expect(held(world)).toEqual(["cus_t1 item 90 no_live_subscription", "cus_t1 event 7"]);
    await comeBack("2026-11-20T00:00:00.000Z", "2026-12-03T00:00:00.000Z");
    await execute(
      "UPDATE tenants_master SET subscription_status = 'active', stripe_subscription_id = 'sub_new', status = 'Active'",
    );
    await seedLate("t1", "api", { corrected: "2026-10", ...lateKey("2026-10-05T00", "a"), qty: UNIT });
    await seedLate("t1", "api", { corrected: CYCLE, ...lateKey("2026-11-05T00", "b"), qty: 2n * UNIT });
    world.clock.nowMs = DECEMBER_MS;
    await close(world);
    expect(held(world).slice(0, 2)).toEqual([
      "cus_t1 item 90 no_live_subscription",
      "cus_t1 item 6 corrects_an_amount",
    ]);
    expect(held(world).slice(2)).toEqual(["cus_t1 event 7", "cus_t1 event 1"]);
  });
});

describe("what a close has settled", () => {
  test("stays an amount when the tenant has the plan again before it is sent, whatever the call and its repeats meet", async () => {
    await seedTenant("t1", { plan: "metered" });
    await endSubscription();
    const world = createWorld();
    await closeUnsent(world);
    await execute("UPDATE tenants_master SET subscription_status = 'active', status = 'Active'");
    world.stripe.fault = (path) => (path.startsWith("POST") ? "after" : undefined);
    await close(world);
    world.stripe.fault = () => undefined;
    for (const gapMs of [25 * HOUR_MS, 36 * DAY_MS]) {
      world.clock.nowMs += gapMs;
      await close(world);
    }
    expect(held(world)).toEqual(["cus_t1 item 90 no_live_subscription"]);
    expect(await rows("SELECT mode, status FROM stripe_usage_outbox WHERE cycle = ?", CYCLE)).toEqual([
      { mode: "invoice_item", status: "sent" },
    ]);
  });

  test("stays a meter event when the subscription ends before it is sent, and is counted", async () => {
    await seedTenant("t1", { plan: "metered" });
    const world = createWorld();
    await closeUnsent(world);
    await endSubscription("canceled", "2026-12-01T00:41:00.000Z");
    world.clock.nowMs += HOUR_MS;
    expect(await close(world)).toMatchObject({ without_subscription: 1, invoices: { sent: 0 } });
    expect(held(world)).toEqual(["cus_t1 event 30"]);
  });

  test("stays an amount when an operator sends it again, with its reason, under a new key", async () => {
    await seedTenant("t1", { plan: "metered" });
    await endSubscription();
    const world = createWorld();
    world.stripe.fault = (path) => (path === "POST /v1/invoiceitems" ? "400" : undefined);
    await close(world);
    world.stripe.fault = () => undefined;
    await execute("UPDATE tenants_master SET subscription_status = 'active', status = 'Active'");
    const [row] = await rows<{ identifier: string }>("SELECT identifier FROM stripe_usage_outbox");
    const path = `/cycle-close/charges/${row?.identifier}/resend`;
    const answer = await send(world, path, { method: "POST", body: { reason: "the customer is there again" } });
    expect(await answer.json()).toMatchObject({
      charge: { mode: "invoice_item", payload: { amount: "90", amount_reason: "no_live_subscription" } },
    });
    world.clock.nowMs += HOUR_MS;
    expect((await close(world)).outbox).toMatchObject({ sent: 1 });
    expect(held(world)).toEqual(["cus_t1 item 90 no_live_subscription"]);
  });

  test("is not touched by a report about bad meter events that names an amount", async () => {
    await seedTenant("t1", { plan: "metered" });
    await endSubscription();
    const world = createWorld();
    await close(world);
    const [row] = await rows<{ identifier: string }>("SELECT identifier FROM stripe_usage_outbox");
    const { fetch } = world.runtime;
    const sample = { error_message: "x", request: { identifier: row?.identifier } };
    const reason = { error_count: 1, error_types: [{ code: "no_meter", error_count: 1, sample_errors: [sample] }] };
    world.runtime.fetch = async (input, init) =>
      (input instanceof Request ? input.url : input.toString()).includes("/v2/core/events/")
        ? Response.json({
            id: "evt_1",
            object: "v2.core.event",
            type: "v1.billing.meter.no_meter_found",
            data: { reason },
          })
        : fetch(input, init);
    await execute(
      `INSERT INTO stripe_events (event_id, type, livemode, created, received_at, body_sha256, status)
        VALUES ('evt_1', 'v1.billing.meter.no_meter_found', 0, 1, '2026-12-01T00:50:00.000Z', '', 'ignored')`,
    );
    world.clock.nowMs += HOUR_MS;
    await close(world);
    expect(await rows("SELECT status FROM stripe_usage_outbox")).toEqual([{ status: "sent" }]);
  });
});
