import { describe, expect, it } from "vitest";
import { ControlPlane, StripeCustomer } from "../control-plane-test-kit.ts";
import { countRows, liveThrough, openWorld, PATH, reconcile, stateOf } from "../reconcile/fake-stripe-test-kit.ts";
import { reconcileDaily } from "../reconcile/start.ts";

describe("POST /internal/reconcile", () => {
  it("prints the plan of a dry run and writes nothing", async () => {
    const world = await openWorld("eu-dry");
    const [checkout, active, , last] = liveThrough(world);
    await world.plane.deliver(checkout as object);
    await world.plane.deliver(active as object);
    world.stripe.undelivered.push(last as never);
    const rows = await countRows(world.plane);
    const { body } = await reconcile(world.plane, "?dry_run=1");
    expect(body.run_id).toBeNull();
    expect(body.report.events.list).toEqual([
      { event_id: last?.id, type: "customer.subscription.updated", result: "planned" },
    ]);
    expect(body.report.subscriptions.list).toMatchObject([
      {
        subscription_id: world.ann.subscriptionId,
        differences: ["current_period_start", "current_period_end", "price", "prices"],
        result: "planned",
      },
    ]);
    expect(await countRows(world.plane)).toEqual(rows);
    expect(await world.plane.rows("SELECT 1 FROM job_runs")).toEqual([]);
  });

  it("reports a tenant whose subscription Stripe does not know and leaves it as it is", async () => {
    const world = await openWorld("eu-unknown");
    for (const event of liveThrough(world)) await world.plane.deliver(event);
    world.stripe.subscriptions.clear();
    const before = await stateOf(world.plane);
    const { body } = await reconcile(world.plane);
    expect(body.report.tenants).toMatchObject({ checked: 1, unknown: 1 });
    expect(body.report.tenants.list).toMatchObject([{ subscription_id: world.ann.subscriptionId }]);
    expect(await stateOf(world.plane)).toEqual(before);
  });

  it("names who repaired what in the audit log", async () => {
    const world = await openWorld("eu-audit");
    for (const event of liveThrough(world).slice(0, 3)) await world.plane.deliver(event);
    await reconcile(world.plane);
    const rows = await world.plane.rows<{ actor: string; action: string }>(
      "SELECT actor, action FROM audit_logs ORDER BY seq DESC LIMIT 1",
    );
    expect(rows).toEqual([{ actor: expect.stringMatching(/^operator:[0-9a-f]{8}$/), action: "subscription.changed" }]);
    expect(await world.plane.rows("SELECT 1 FROM audit_logs WHERE action = 'job.triggered'")).not.toEqual([]);
  });

  it("does a bounded part at a time and carries on over the ticks of a day", async () => {
    const world = await openWorld("eu-large");
    const { plane, stripe } = world;
    for (let index = 0; index < 45; index += 1) {
      const customer = new StripeCustomer(`c${String(index).padStart(3, "0")}`, "eu-large");
      const event = customer.changed("active");
      (event["data"] as { object: { metadata: object } }).object.metadata = { slug: customer.slug };
      stripe.hold(event);
    }
    const reports: unknown[] = [];
    for (let tick = 0; tick < 5; tick += 1) {
      reports.push(await reconcileDaily(plane.deps, plane.nowMs));
      plane.nowMs += 60_000;
    }
    expect(reports).toMatchObject([
      { failed: 0, stopped: "changes or time used up" },
      { failed: 0, stopped: "changes or time used up" },
      { failed: 0, stopped: null },
      { due: false },
      { due: false },
    ]);
    expect(await plane.rows("SELECT 1 FROM stripe_subscriptions")).toHaveLength(45);
    plane.nowMs += 86_400_000;
    const nextDay: unknown[] = [];
    for (let tick = 0; tick < 4; tick += 1) nextDay.push(await reconcileDaily(plane.deps, (plane.nowMs += 60_000)));
    // None of them has a checkout: what cannot be repaired must not keep the pass from its end.
    expect(nextDay.slice(2)).toMatchObject([{ failed: 0, stopped: null }, { due: false }]);
  });

  it("is closed without Stripe's key, and to strangers", async () => {
    const plane = new ControlPlane({ STRIPE_SECRET_KEY: " " });
    expect(await reconcile(plane)).toMatchObject({ status: 503, body: { code: "not_configured" } });
    expect((await plane.post(PATH, "wrong", {})).status).toBe(401);
    expect((await reconcile(plane, "?dry_run=2")).status).toBe(400);
    expect(await reconcileDaily(plane.deps, plane.nowMs)).toEqual({ skipped: "not_configured" });
  });
});
