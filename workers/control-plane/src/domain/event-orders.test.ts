import { describe, expect, it } from "vitest";
import { stateForSubscription, type TenantState } from "@prego/core/tenant-state";
import { checkoutEvent, MemoryWorld, subscriptionEvent, subscriptionObject } from "./memory-world-test-kit.ts";
import { readSubscription, type SubscriptionFields } from "@prego/core/stripe";
import { periodAndPrices } from "./subscription-merge.ts";

type Life = object[];

/** Every order of a list. */
function* permute<T>(items: readonly T[]): Generator<T[]> {
  if (items.length === 0) yield [];
  for (const [index, item] of items.entries()) {
    for (const rest of permute([...items.slice(0, index), ...items.slice(index + 1)])) yield [item, ...rest];
  }
}

const on = (status: string, options?: Parameters<typeof subscriptionObject>[1]) => subscriptionObject(status, options);

/** Lives of six events at distinct seconds, and the plan each ends with. */
const LIVES: Record<string, { events: Life; final: string; plan: string }> = {
  "paid late and then ended": {
    final: "canceled",
    plan: "starter",
    events: [
      subscriptionEvent("created", 0, on("incomplete")),
      checkoutEvent(1),
      subscriptionEvent("updated", 2, on("active")),
      subscriptionEvent("updated", 3, on("past_due")),
      subscriptionEvent("updated", 4, on("active", { end: 1_802_000_000 })),
      subscriptionEvent("deleted", 5, on("canceled", { end: 1_802_000_000 })),
    ],
  },
  "paused, resumed and moved to a larger plan": {
    final: "active",
    plan: "scale",
    events: [
      subscriptionEvent("created", 0, on("active")),
      checkoutEvent(1),
      subscriptionEvent("updated", 2, on("unpaid")),
      subscriptionEvent("paused", 3, on("paused")),
      subscriptionEvent("resumed", 4, on("active")),
      subscriptionEvent("updated", 5, on("active", { price: "price_scale" })),
    ],
  },
  "moved to a larger plan and back": {
    final: "active",
    plan: "starter",
    events: [
      checkoutEvent(0),
      subscriptionEvent("created", 1, on("active")),
      subscriptionEvent("updated", 2, on("active", { price: "price_scale" })),
      subscriptionEvent("updated", 3, on("past_due", { price: "price_scale" })),
      subscriptionEvent("updated", 4, on("past_due")),
      subscriptionEvent("updated", 5, on("active")),
    ],
  },
  "a trial that ends in unpaid bills": {
    final: "unpaid",
    plan: "starter",
    events: [
      checkoutEvent(0),
      subscriptionEvent("created", 1, on("trialing")),
      subscriptionEvent("updated", 2, on("active")),
      subscriptionEvent("updated", 3, on("past_due")),
      subscriptionEvent("updated", 4, on("past_due", { end: 1_803_000_000 })),
      subscriptionEvent("updated", 5, on("unpaid", { end: 1_803_000_000 })),
    ],
  },
  "a late card that works in the end": {
    final: "past_due",
    plan: "starter",
    events: [
      subscriptionEvent("created", 0, on("incomplete")),
      subscriptionEvent("updated", 1, on("active")),
      checkoutEvent(2),
      subscriptionEvent("updated", 3, on("unpaid")),
      subscriptionEvent("updated", 4, on("active")),
      subscriptionEvent("updated", 5, on("past_due")),
    ],
  },
};

const isCheckout = (event: object): boolean => (event as { type: string }).type === "checkout.session.completed";

/** What Stripe holds after the last event of a life. */
function truthOf(events: Life): SubscriptionFields {
  const last = events.at(-1) as { data: { object: unknown } };
  const truth = readSubscription(last.data.object);
  if (truth === undefined) throw new Error("the last event is no subscription");
  return truth;
}

/** Lets the provisioning workflow finish whatever it was asked to do, as soon as it can. */
function provisionNow(world: MemoryWorld): void {
  for (const kind of ["provision", "deprovision"] as const) {
    const job = world.claim(kind);
    if (job !== undefined) world.complete(job);
  }
}

const expected = (status: string, provisioned: boolean): TenantState | undefined =>
  stateForSubscription({ status, provisioned });

describe.each(Object.entries(LIVES))("all 720 orders of the life of %s", (_, { events, final, plan }) => {
  it("end in the state of Stripe's final object, with nothing provisioned", () => {
    const ends = new Set<string>();
    for (const order of permute(events)) {
      const world = new MemoryWorld();
      for (const event of order) world.receive(event);
      const { status, subscriptionStatus, planId, provisionedAt } = world.tenant;
      const { questions, invoiced } = world;
      ends.add(JSON.stringify({ status, subscriptionStatus, planId, provisionedAt, questions, invoiced }));
    }
    const invoiced = periodAndPrices(truthOf(events));
    expect([...ends].map((end) => JSON.parse(end) as unknown)).toEqual([
      {
        status: expected(final, false),
        subscriptionStatus: final,
        planId: plan,
        provisionedAt: null,
        questions: 0,
        invoiced,
      },
    ]);
  });

  it("leave the same history of plans by Stripe's times, and one that ends with the tenant's plan", () => {
    for (const order of permute(events)) {
      const world = new MemoryWorld();
      for (const event of order) world.receive(event);
      expect(world.planAt(99)).toBe(world.tenant.planId);
    }
    const [checkouts, others] = [events.filter(isCheckout), events.filter((event) => !isCheckout(event))];
    const histories = new Set<string>();
    for (const order of permute(others)) {
      const world = new MemoryWorld();
      for (const event of [...checkouts, ...order]) world.receive(event);
      histories.add(JSON.stringify(events.map((_event, second) => world.planAt(second))));
    }
    expect(histories.size).toBe(1);
  });

  it("end in it with every event delivered twice and workflows running in between", () => {
    const ends = new Set<string>();
    let orders = 0;
    for (const order of permute(events)) {
      orders += 1;
      const world = new MemoryWorld();
      for (const [index, event] of order.entries()) {
        world.receive(event);
        if (index % 2 === orders % 2) provisionNow(world);
        world.receive(order[(index * 5) % (index + 1)]);
      }
      provisionNow(world);
      provisionNow(world);
      const { status, subscriptionStatus, planId, pendingDeletionAt, purgeAfter } = world.tenant;
      ends.add(
        JSON.stringify({
          status,
          subscriptionStatus,
          planId,
          hasDeadline: purgeAfter !== null && pendingDeletionAt !== null,
        }),
      );
      expect(world.openJobs()).toEqual([]);
    }
    expect(orders).toBe(720);
    expect([...ends].map((end) => JSON.parse(end) as unknown)).toEqual([
      {
        // The workflow ran whenever a job waited: what is not ended was provisioned in every order.
        status: final === "unpaid" ? "Suspended" : expected(final, true),
        subscriptionStatus: final,
        planId: plan,
        hasDeadline: final === "canceled",
      },
    ]);
  });

  it("end in it when two of the events share a second, by asking Stripe", () => {
    const [first, second] = [3, 4];
    const tied = events.map((event, index) =>
      index === second ? { ...event, created: (events[first] as { created: number }).created } : event,
    );
    const truth = truthOf(events);
    for (const order of permute(tied)) {
      const world = new MemoryWorld();
      world.stripe.set("sub_1", truth);
      for (const event of order) world.receive(event);
      expect(world.tenant.status).toBe(expected(final, false));
      expect(world.tenant.planId).toBe(plan);
      expect(world.invoiced).toEqual(periodAndPrices(truth));
    }
  });
});
