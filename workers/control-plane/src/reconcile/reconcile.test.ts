import { describe, expect, it } from "vitest";
import { breakBatch, countRows, liveThrough, openWorld, reconcile, stateOf } from "./fake-stripe-test-kit.ts";

/** Every order of a list. */
function* permute<T>(items: readonly T[]): Generator<T[]> {
  if (items.length === 0) yield [];
  for (const [index, item] of items.entries()) {
    for (const rest of permute([...items.slice(0, index), ...items.slice(index + 1)])) yield [item, ...rest];
  }
}

/** 24 lives through the real database. */
const LIVES_TIMEOUT_MS = 120_000;

describe("a life with one event dropped, then reconciled", () => {
  it.each([
    ["undelivered", true],
    ["never made by Stripe", false],
  ])(
    "ends in Stripe's state, in many orders, with the event %s",
    { timeout: LIVES_TIMEOUT_MS },
    async (_, isListed) => {
      const ends = new Set<string>();
      let lives = 0;
      for (const order of permute([0, 1, 2, 3])) {
        const world = await openWorld("eu-orders");
        const { plane, stripe } = world;
        const events = liveThrough(world);
        const [dropped, ...rest] = order.map((index) => events[index] as object);
        for (const event of rest) expect((await plane.deliver(event)).status).toBe(200);
        if (isListed) stripe.undelivered.push(dropped as never);
        const { status, body } = await reconcile(plane);
        expect({ status, failed: body.report.failed, stopped: body.report.stopped }).toEqual({
          status: 200,
          failed: 0,
          stopped: null,
        });
        ends.add(JSON.stringify(await stateOf(plane)));
        lives += 1;
      }
      expect(lives).toBe(24);
      expect([...ends].map((end) => JSON.parse(end) as unknown)).toEqual([
        {
          tenants: [
            expect.objectContaining({ plan_id: "scale", status: "Provisioning", subscription_status: "active" }),
          ],
          subscriptions: [
            expect.objectContaining({ status: "active", price_id: "price_scale", slug: "ann-eu-orders" }),
          ],
          jobs: [expect.objectContaining({ kind: "provision" })],
        },
      ]);
    },
  );

  it("changes nothing when it runs again", async () => {
    const world = await openWorld("eu-again");
    const [, ...rest] = liveThrough(world);
    for (const event of rest) await world.plane.deliver(event);
    const first = await reconcile(world.plane);
    expect(first.body.report.subscriptions).toMatchObject({ differing: 1, unrepaired: 0 });
    const rows = await countRows(world.plane);
    world.plane.nowMs += 3_600_000;
    const second = await reconcile(world.plane);
    expect(second.body.report.subscriptions).toMatchObject({ listed: 1, same: 1, differing: 0 });
    expect(await countRows(world.plane)).toEqual(rows);
  });

  it("fills what rows from before a column do not know", async () => {
    const world = await openWorld("eu-old-rows");
    for (const event of liveThrough(world)) await world.plane.deliver(event);
    const state = await stateOf(world.plane);
    await world.plane.rows("UPDATE stripe_subscriptions SET current_period_start = NULL, price_ids = NULL RETURNING 1");
    const { body } = await reconcile(world.plane);
    expect(body.report.subscriptions).toMatchObject({
      differing: 1,
      unrepaired: 0,
      list: [{ differences: ["current_period_start", "prices"] }],
    });
    expect(await stateOf(world.plane)).toEqual(state);
    expect(JSON.stringify(state)).toContain(String.raw`"price_ids":"[\"price_scale\"]"`);
  });

  it("does it once when two run at once", async () => {
    const world = await openWorld("eu-two");
    const [dropped, ...rest] = liveThrough(world);
    for (const event of rest) await world.plane.deliver(event);
    world.stripe.undelivered.push(dropped as never);
    const answers = await Promise.all([reconcile(world.plane), reconcile(world.plane)]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    expect(await world.plane.rows("SELECT 1 FROM tenants_master")).toHaveLength(1);
    expect(await world.plane.rows("SELECT 1 FROM provision_jobs")).toHaveLength(1);
  });

  it("is carried on after a failure between any two calls, to the same end", async () => {
    const stops: (string | null)[] = [];
    for (let faultAt = 1; stops.at(-1) !== null && faultAt < 20; faultAt += 1) {
      const world = await openWorld("eu-crash");
      const [dropped, , ...rest] = liveThrough(world);
      for (const event of rest) await world.plane.deliver(event);
      world.stripe.undelivered.push(dropped as never);
      world.stripe.onCall = (count) => {
        if (count === faultAt) throw new Error("connection lost");
      };
      stops.push((await reconcile(world.plane)).body.report.stopped);
      world.stripe.onCall = () => undefined;
      expect((await reconcile(world.plane)).body.report).toMatchObject({ failed: 0, stopped: null });
      expect(await stateOf(world.plane)).toMatchObject({
        tenants: [{ plan_id: "scale", subscription_status: "active" }],
        jobs: [{ kind: "provision" }],
      });
    }
    const connectionLost = "stripe_failed: StripeConnectionError no status";
    expect(stops).toEqual([connectionLost, connectionLost, null]);
  });

  it.each(["before", "after"] as const)(
    "ends alike after a crash %s any batch, to the same rows",
    { timeout: LIVES_TIMEOUT_MS },
    async (when) => {
      let points = 0;
      for (let isHit = true; isHit && points < 60; points += 1) {
        const world = await openWorld("eu-batch");
        const { plane, stripe } = world;
        const [checkout, first, ...rest] = liveThrough(world);
        for (const event of rest) await plane.deliver(event);
        stripe.undelivered.push(checkout as never, first as never);
        const whole = plane.bindings;
        const { db, hit } = breakBatch(whole.DB, points + 1, when);
        plane.bindings = { ...whole, DB: db };
        await reconcile(plane);
        plane.bindings = whole;
        isHit = hit();
        plane.nowMs += 6 * 60_000;
        expect((await reconcile(plane)).body.report).toMatchObject({ failed: 0, stopped: null });
        expect(await stateOf(plane)).toMatchObject({
          tenants: [{ plan_id: "scale", subscription_status: "active" }],
          jobs: [{ kind: "provision" }],
        });
        expect(await plane.rows("SELECT 1 FROM stripe_events")).toHaveLength(4);
      }
      expect(points).toBeGreaterThan(8);
    },
  );

  it("goes on where the database failed, and the run shows as failed", async () => {
    const world = await openWorld("eu-lost");
    const events = liveThrough(world);
    for (const event of events) world.stripe.undelivered.push(event as never);
    await world.plane.rows("ALTER TABLE stripe_events RENAME TO stripe_events_lost");
    expect((await reconcile(world.plane)).status).toBe(500);
    await world.plane.rows("ALTER TABLE stripe_events_lost RENAME TO stripe_events");
    expect(await world.plane.rows("SELECT status FROM job_runs")).toEqual([{ status: "failed" }]);
    expect((await reconcile(world.plane)).body.report.events).toMatchObject({ listed: 4, known: 0, missed: 4 });
  });
});

describe("the plan of a repaired subscription", () => {
  it("counts from the fetch, not from the month before, and is stated only when it changes", async () => {
    const { plane, stripe, ann } = await openWorld("eu-month");
    const checkout = ann.checkout();
    await plane.deliver(checkout);
    const historyOf = () =>
      plane.rows(
        `SELECT p.effective_from, p.plan_id FROM tenant_plans p JOIN tenants_master t USING (tenant_id)
          WHERE t.slug = ? ORDER BY p.effective_from, p.ordinal`,
        ann.slug,
      );
    const history = [{ effective_from: "2026-11-21T02:16:33.000Z", plan_id: "starter" }];
    expect(await historyOf()).toEqual(history);

    plane.nowMs = Date.UTC(2026, 11, 1, 0, 0, 20);
    stripe.hold(ann.changed("active", plane.nowMs / 1_000, { price: "price_scale" }));
    expect((await reconcile(plane)).body.report.subscriptions).toMatchObject({ differing: 1, unrepaired: 0 });
    history.push({ effective_from: "2026-12-01T00:00:20.000Z", plan_id: "scale" });
    expect(await historyOf()).toEqual(history);

    plane.nowMs += 86_400_000;
    stripe.hold(ann.changed("past_due", plane.nowMs / 1_000, { price: "price_scale" }));
    expect((await reconcile(plane)).body.report.subscriptions).toMatchObject({ differing: 1, unrepaired: 0 });
    expect(await historyOf()).toEqual(history);
  });
});
