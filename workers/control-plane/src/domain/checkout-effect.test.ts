import { readSubscription, type SubscriptionFields } from "@prego/core/stripe";
import { describe, expect, it } from "vitest";
import { checkoutEvent, MemoryWorld, subscriptionEvent, subscriptionObject } from "./memory-world-test-kit.ts";

/** Stripe's answer about the first subscription. */
function asStripeHas(status: string): SubscriptionFields {
  const fields = readSubscription(subscriptionObject(status));
  if (fields === undefined) throw new Error("no subscription");
  return fields;
}

describe("a checkout", () => {
  it.each<[string, Parameters<typeof checkoutEvent>[1], string]>([
    ["without a slug", { metadata: { slug: undefined as never } }, "metadata_missing"],
    ["without a plan", { metadata: { plan: undefined as never } }, "metadata_missing"],
    ["without a region", { metadata: { region: undefined as never } }, "metadata_missing"],
    ["with a slug that is no DNS name", { metadata: { slug: "-acme-" } }, "slug_invalid"],
    ["with a reserved slug", { metadata: { slug: "admin" } }, "slug_invalid"],
    ["with a region that is no word", { metadata: { region: "../eu" } }, "region_invalid"],
    ["with a plan nobody sells", { metadata: { plan: "golden" } }, "plan_unknown"],
    ["without a customer", { customer: null }, "subscription_missing"],
  ])("%s is kept as failed, with an audit row and nothing else", (_, options, reason) => {
    const world = new MemoryWorld();
    expect(world.receive(checkoutEvent(0, options))).toEqual({
      status: "failed",
      error: reason,
      tenantId: null,
      traceId: "trace_acme",
    });
    expect(world.tenants.size).toBe(0);
    expect(world.changes[0]?.audit).toMatchObject([{ action: "stripe.event_failed", detail: { reason } }]);
    expect(world.changes[0]?.trace).toMatchObject([{ level: "error", traceId: "trace_acme" }]);
  });

  it("drops a trace id and a tenant id that are not well-formed", () => {
    const world = new MemoryWorld();
    world.receive(checkoutEvent(0, { metadata: { trace_id: "trace_ä", tenant_id: "../x" } }));
    expect(world.tenant).toMatchObject({ traceId: null, status: "Provisioning" });
  });

  it("that claims another tenant's slug changes nothing: a person decides", () => {
    const world = new MemoryWorld();
    world.receive(checkoutEvent(0));
    const before = structuredClone(world.tenant);
    const second = checkoutEvent(1, { subscription: "sub_2", customer: "cus_2" });
    expect(world.receive(second)).toMatchObject({ status: "failed", error: "slug_taken" });
    expect(world.tenant).toEqual(before);
    expect(world.tenants.size).toBe(1);
  });

  it.each([
    ["customer_taken", { customer: "cus_1", subscription: "sub_2" }],
    ["subscription_taken", { customer: "cus_2", subscription: "sub_1" }],
  ])("for another slug is kept as %s", (reason, options) => {
    const world = new MemoryWorld();
    world.receive(checkoutEvent(0));
    expect(world.receive(checkoutEvent(1, { ...options, metadata: { slug: "other" } }))).toMatchObject({
      status: "failed",
      error: reason,
    });
  });

  it("that comes again as another event changes nothing", () => {
    const world = new MemoryWorld();
    world.receive(checkoutEvent(0));
    world.receive(checkoutEvent(0, { id: "evt_resent" }));
    expect(world.jobs.size).toBe(1);
    expect(world.outcomes.get("evt_resent")).toMatchObject({ status: "processed" });
  });

  it("pays for the tenant that waits for it", () => {
    const world = new MemoryWorld();
    world.receive(checkoutEvent(0));
    const waiting = { ...world.tenant, tenantId: "t-1", status: "Pending_Payment", nodeId: null } as const;
    const free = { ...waiting, stripeSubscriptionId: null, stripeCustomerId: null };
    world.tenants.clear();
    world.jobs.clear();
    world.tenants.set("t-1", free);
    world.receive(checkoutEvent(1, { metadata: { tenant_id: "t-1" } }));
    expect(world.tenants.size).toBe(1);
    expect(world.tenant).toMatchObject({ tenantId: "t-1", status: "Provisioning", stripeCustomerId: "cus_1" });
    expect(world.openJobs("provision")).toHaveLength(1);
  });

  it("waits for capacity when its region has none", () => {
    const world = new MemoryWorld();
    world.nodes = [{ nodeId: "node_1", capacity: 1, placed: 1 }];
    world.receive(checkoutEvent(0));
    expect(world.openJobs("provision")).toMatchObject([{ status: "queued_capacity", nodeId: null }]);
    expect(world.tenant).toMatchObject({ status: "Provisioning", nodeId: null });
  });
});

describe("paying again before the purge", () => {
  function endedWorld(): MemoryWorld {
    const world = new MemoryWorld();
    world.receive(checkoutEvent(0));
    const job = world.claim("provision");
    if (job === undefined) throw new Error("no job");
    world.complete(job);
    world.receive(subscriptionEvent("created", 1, subscriptionObject("active")));
    world.receive(subscriptionEvent("deleted", 2, subscriptionObject("canceled")));
    return world;
  }
  const payAgain = (world: MemoryWorld) =>
    checkoutEvent(10, { subscription: "sub_2", metadata: { tenant_id: world.tenant.tenantId } });

  it("brings the tenant back, clears its deadline and calls the removal off", () => {
    const world = endedWorld();
    expect(world.tenant.status).toBe("Pending_Deletion");
    world.receive(payAgain(world));
    expect(world.tenant).toMatchObject({
      status: "Active",
      purgeAfter: null,
      pendingDeletionAt: null,
      nodeId: "node_1",
    });
    expect(world.openJobs()).toEqual([]);
    expect([...world.jobs.values()].at(-1)).toMatchObject({ kind: "deprovision", status: "cancelled" });
  });

  it("is not undone by late news of the old subscription", () => {
    const world = endedWorld();
    world.receive(payAgain(world));
    world.receive(subscriptionEvent("updated", 3, subscriptionObject("past_due")));
    world.receive(subscriptionEvent("deleted", 4, subscriptionObject("canceled")));
    expect(world.tenant).toMatchObject({ status: "Active", stripeSubscriptionId: "sub_2" });
  });

  it("follows the new subscription from then on", () => {
    const world = endedWorld();
    world.receive(payAgain(world));
    world.receive(subscriptionEvent("updated", 20, subscriptionObject("past_due", { id: "sub_2" })));
    expect(world.tenant).toMatchObject({ status: "Past_Due", subscriptionStatus: "past_due" });
  });

  it("provisions anew when the removal has already happened", () => {
    const world = endedWorld();
    const removal = world.claim("deprovision");
    if (removal === undefined) throw new Error("no removal");
    world.complete(removal);
    expect(world.tenant).toMatchObject({ nodeId: null, provisionedAt: null });
    world.receive(payAgain(world));
    expect(world.tenant).toMatchObject({ status: "Provisioning", purgeAfter: null, nodeId: "node_1" });
    expect(world.openJobs("provision")).toHaveLength(1);
  });

  it("lets a removal that runs come to its end first, and provisions anew after it", () => {
    const world = endedWorld();
    const removal = world.claim("deprovision");
    if (removal === undefined) throw new Error("no removal");
    world.receive(payAgain(world));
    expect(world.tenant).toMatchObject({ status: "Provisioning", purgeAfter: null });
    expect(world.openJobs("provision")).toEqual([]);
    world.complete(removal);
    expect(world.openJobs("provision")).toHaveLength(1);
    const job = world.claim("provision");
    if (job === undefined) throw new Error("no job");
    world.complete(job);
    expect(world.tenant.status).toBe("Active");
  });

  it("asks Stripe when the end of the old subscription has not arrived yet", () => {
    const world = new MemoryWorld();
    world.receive(checkoutEvent(0));
    world.receive(subscriptionEvent("created", 1, subscriptionObject("active")));
    world.stripe.set("sub_1", asStripeHas("canceled"));
    world.receive(payAgain(world));
    expect(world.questions).toBe(1);
    expect(world.tenant).toMatchObject({ status: "Provisioning", stripeSubscriptionId: "sub_2" });
    world.receive(subscriptionEvent("deleted", 2, subscriptionObject("canceled")));
    expect(world.tenant.status).toBe("Provisioning");
  });

  it("is left to a person while the old subscription is alive", () => {
    const world = new MemoryWorld();
    world.receive(checkoutEvent(0));
    world.stripe.set("sub_1", asStripeHas("active"));
    expect(world.receive(payAgain(world))).toMatchObject({ status: "failed", error: "tenant_has_subscription" });
    expect(world.tenant.stripeSubscriptionId).toBe("sub_1");
  });

  it.each(["Purging", "Purged"] as const)("comes too late for a tenant in %s", (status) => {
    const world = endedWorld();
    world.tenants.set(world.tenant.tenantId, { ...world.tenant, status });
    expect(world.receive(payAgain(world))).toMatchObject({ status: "failed", error: "tenant_gone" });
  });
});

describe("a tenant that is being purged", () => {
  it("hears its subscription's end without bringing any row back", () => {
    const world = new MemoryWorld();
    world.receive(checkoutEvent(0));
    world.tenants.set(world.tenant.tenantId, { ...world.tenant, status: "Purging" });
    const end = subscriptionEvent("deleted", 9, subscriptionObject("canceled"));
    expect(world.receive(end)).toEqual({ status: "ignored", error: "tenant_gone", tenantId: null, traceId: null });
    expect(world.subscriptions.size).toBe(0);
    const alive = subscriptionEvent("updated", 9, subscriptionObject("active"));
    expect(world.receive(alive)).toMatchObject({ status: "failed", error: "tenant_gone" });
  });
});

describe("the end of a subscription", () => {
  it("calls off provisioning, even while it runs, and removes what it may have made", () => {
    const world = new MemoryWorld();
    world.receive(checkoutEvent(0));
    const job = world.claim("provision");
    world.receive(subscriptionEvent("deleted", 1, subscriptionObject("canceled")));
    expect(world.jobs.get(job?.jobId ?? "")).toMatchObject({ status: "cancelled" });
    expect(world.openJobs()).toMatchObject([{ kind: "deprovision", status: "queued", nodeId: "node_1" }]);
    expect(world.tenant.purgeAfter).toBe("2026-12-21T00:00:00.000Z");
  });

  it("told twice keeps the first deadline", () => {
    const world = new MemoryWorld();
    world.receive(checkoutEvent(0));
    world.receive(subscriptionEvent("deleted", 1, subscriptionObject("canceled")));
    world.nowMs += 86_400_000;
    world.receive(subscriptionEvent("deleted", 2, subscriptionObject("canceled")));
    expect(world.tenant.purgeAfter).toBe("2026-12-21T00:00:00.000Z");
    expect(world.openJobs()).toHaveLength(1);
  });
});
