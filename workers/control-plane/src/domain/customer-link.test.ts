import { readSubscription } from "@prego/core/stripe";
import { describe, expect, it } from "vitest";
import { checkoutEvent, MemoryWorld, subscriptionEvent, subscriptionObject } from "./memory-world-test-kit.ts";
import { planReconcile } from "./reconcile-plan.ts";

const next = (status: string, metadata: Record<string, string> = {}) => ({
  ...subscriptionObject(status, { id: "sub_2", price: "price_scale" }),
  metadata,
});
const ended = subscriptionEvent("deleted", 2, subscriptionObject("canceled"));

/** A tenant that runs on its first subscription; Stripe holds what is given of it now. */
function openWorld(firstAtStripe: "active" | "canceled"): MemoryWorld {
  const world = new MemoryWorld();
  world.receive(subscriptionEvent("created", 0, subscriptionObject("active")));
  world.receive(checkoutEvent(1));
  const job = world.claim("provision");
  if (job !== undefined) world.complete(job);
  const truth = readSubscription(subscriptionObject(firstAtStripe));
  if (truth !== undefined) world.stripe.set("sub_1", truth);
  return world;
}

const fieldsOf = (object: object) => {
  const read = readSubscription(object);
  if (read === undefined) throw new Error("no subscription");
  return read;
};

describe("a subscription without a checkout, for the customer of a tenant whose own has ended", () => {
  it("brings the tenant back, with its plan and without its deadline", () => {
    const world = openWorld("canceled");
    world.receive(ended);
    expect(world.tenant).toMatchObject({ status: "Pending_Deletion", purgeAfter: expect.any(String) });
    world.receive(subscriptionEvent("created", 3, next("active")));
    expect(world.tenant).toMatchObject({
      status: "Active",
      purgeAfter: null,
      planId: "scale",
      stripeSubscriptionId: "sub_2",
      subscriptionStatus: "active",
    });
    expect(world.subscriptions.get("sub_2")?.tenantId).toBe(world.tenant.tenantId);
    world.receive(subscriptionEvent("updated", 4, next("past_due")));
    expect(world.tenant.status).toBe("Past_Due");
  });

  it("ends in the same state in every order of their events", () => {
    const [created, updated] = [
      subscriptionEvent("created", 3, next("active")),
      subscriptionEvent("updated", 4, next("past_due")),
    ];
    const orders = [
      [ended, created, updated],
      [ended, updated, created],
      [created, ended, updated],
      [created, updated, ended],
      [updated, ended, created],
      [updated, created, ended],
    ];
    const ends = orders.map((order) => {
      const world = openWorld("canceled");
      for (const event of [...order, ...order]) world.receive(event);
      const { status, stripeSubscriptionId, subscriptionStatus, planId, purgeAfter } = world.tenant;
      return { status, stripeSubscriptionId, subscriptionStatus, planId, purgeAfter };
    });
    const end = { status: "Past_Due", stripeSubscriptionId: "sub_2", subscriptionStatus: "past_due", planId: "scale" };
    expect(ends).toEqual(orders.map(() => ({ ...end, purgeAfter: null })));
  });

  it.each([
    ["has not begun to run", next("incomplete")],
    ["has ended too", next("canceled")],
    ["names another tenant", next("active", { slug: "other" })],
  ])("stays without a tenant when it %s", (_, object) => {
    const world = openWorld("canceled");
    world.receive(ended);
    world.receive(subscriptionEvent("updated", 3, object));
    expect(world.tenant).toMatchObject({ status: "Pending_Deletion", stripeSubscriptionId: "sub_1" });
  });

  it("does not take the place of one that still runs, which Stripe is asked about", () => {
    const world = openWorld("active");
    world.receive(subscriptionEvent("created", 3, next("active")));
    expect(world.tenant).toMatchObject({ status: "Active", stripeSubscriptionId: "sub_1", planId: "starter" });
    expect(world.questions).toBe(1);
  });

  it("does not bring back a tenant that is being erased", () => {
    const world = openWorld("canceled");
    world.receive(ended);
    world.tenants.set(world.tenant.tenantId, { ...world.tenant, status: "Purging" });
    world.receive(subscriptionEvent("created", 3, next("active")));
    expect(world.tenant).toMatchObject({ status: "Purging", stripeSubscriptionId: "sub_1" });
  });
});

describe("the reconcile", () => {
  it("links what no event linked, once the tenant's own has ended, and takes it for nobody else's", () => {
    const world = openWorld("canceled");
    const known = { row: undefined, tenant: undefined, customerTenant: world.tenant };
    expect(planReconcile(fieldsOf(next("active")), known)).toEqual({ kind: "foreign" });
    world.receive(ended);
    const { tenant: customerTenant } = world;
    expect(planReconcile(fieldsOf(next("active")), { ...known, customerTenant })).toEqual({
      kind: "repair",
      differences: ["unknown_here", "tenant_link"],
      takesState: true,
      findsCheckout: false,
    });
    expect(planReconcile(fieldsOf(next("canceled")), { ...known, customerTenant })).toEqual({ kind: "foreign" });
  });
});
