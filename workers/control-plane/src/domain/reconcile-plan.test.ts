import { describe, expect, it } from "vitest";
import { readCheckoutSession, readEnvelope, readSubscription, type StripeEnvelope } from "@prego/core/stripe";
import { checkoutEvent, MemoryWorld, subscriptionEvent, subscriptionObject } from "./memory-world-test-kit.ts";
import { planReconcile, stateAsOf } from "./reconcile-plan.ts";
import { periodAndPrices } from "./subscription-merge.ts";

const METADATA = { slug: "acme", plan: "starter", region: "eu", trace_id: "trace_acme" };
const on = (status: string, options?: Parameters<typeof subscriptionObject>[1]) => ({
  ...subscriptionObject(status, options),
  metadata: METADATA,
});

function* permute<T>(items: readonly T[]): Generator<T[]> {
  if (items.length === 0) yield [];
  for (const [index, item] of items.entries()) {
    for (const rest of permute([...items.slice(0, index), ...items.slice(index + 1)])) yield [item, ...rest];
  }
}

/** Six events; the truth is what Stripe holds after the last one. */
const LIVES = {
  "ends as past due on a larger plan": {
    truth: on("past_due", { price: "price_scale", end: 1_802_000_000 }),
    events: [
      subscriptionEvent("created", 0, on("incomplete")),
      checkoutEvent(1),
      subscriptionEvent("updated", 2, on("active")),
      subscriptionEvent("updated", 3, on("unpaid")),
      subscriptionEvent("updated", 4, on("active", { price: "price_scale" })),
      subscriptionEvent("updated", 5, on("past_due", { price: "price_scale", end: 1_802_000_000 })),
    ],
  },
  "ends canceled": {
    truth: on("canceled"),
    events: [
      checkoutEvent(0),
      subscriptionEvent("created", 1, on("trialing")),
      subscriptionEvent("updated", 2, on("active")),
      subscriptionEvent("updated", 3, on("past_due")),
      subscriptionEvent("updated", 4, on("active")),
      subscriptionEvent("deleted", 5, on("canceled")),
    ],
  },
};

const fields = (object: object) => {
  const read = readSubscription(object);
  if (read === undefined) throw new Error("no subscription");
  return read;
};

const envelope = (id: string, createdSeconds: number): StripeEnvelope => ({
  id,
  type: "reconcile.subscription",
  createdSeconds,
  livemode: false,
  isForeign: false,
  isThin: false,
  object: {},
  relatedObjectId: undefined,
});

/** One reconcile of state against state, as the run does it; returns the differences it repaired. */
function reconcile(world: MemoryWorld, truth: object, fetchedAtMs: number): string[] {
  const stripe = fields(truth);
  const row = world.subscriptions.get(stripe.id);
  const tenant = [...world.tenants.values()].find(({ stripeSubscriptionId }) => stripeSubscriptionId === stripe.id);
  const step = planReconcile(stripe, { row, tenant });
  if (step.kind !== "repair") return [];
  world.stripe.set(stripe.id, stripe);
  const id = `${world.changes.length}`;
  if (step.takesState) {
    const created = stateAsOf(fetchedAtMs, row);
    world.take({ envelope: envelope(`state_${id}`, created), fact: { kind: "subscription", subscription: stripe } });
  }
  if (step.findsCheckout) {
    const session = readCheckoutSession(checkoutEvent(1).data.object);
    if (session === undefined) throw new Error("no session");
    world.take({ envelope: envelope(`checkout_${id}`, 0), fact: { kind: "checkout", session } });
  }
  return step.differences;
}

describe.each(Object.entries(LIVES))(
  "a life that %s, with one event that Stripe never sent",
  (_, { truth, events }) => {
    it.each([
      ["a minute", 60_000],
      ["a day", 86_400_000],
    ])(
      "ends in Stripe's state in all 720 orders when it is reconciled %s later, once and for all",
      (_when, laterMs) => {
        const lastMs = Number(readEnvelope(events[5])?.createdSeconds) * 1_000;
        let lives = 0;
        for (const order of permute(events)) {
          for (const [dropped] of order.entries()) {
            // Of a canceled subscription without its checkout nothing is left to make: those 720 lives have no tenant.
            const world = new MemoryWorld();
            for (const [index, event] of order.entries()) if (index !== dropped) world.receive(event);
            reconcile(world, truth, lastMs + laterMs);
            if (world.tenants.size === 0) continue;
            const { subscriptionStatus, planId, currentPeriodEnd } = world.tenant;
            const row = world.subscriptions.get("sub_1");
            expect(row).toMatchObject({ status: truth.status, tenantId: world.tenant.tenantId });
            expect({ subscriptionStatus, currentPeriodEnd }).toEqual({
              subscriptionStatus: row?.status,
              currentPeriodEnd: row?.currentPeriodEnd,
            });
            expect(planId).toBe(truth.status === "canceled" ? "starter" : "scale");
            expect(world.tenant.status).toBe(truth.status === "canceled" ? "Pending_Deletion" : "Provisioning");
            expect(reconcile(world, truth, lastMs + laterMs + 1_000)).toEqual([]);
            lives += 1;
          }
        }
        expect(lives).toBe(truth.status === "canceled" ? 720 * 5 : 720 * 6);
      },
    );
  },
);

describe("planReconcile", () => {
  const world = (): MemoryWorld => {
    const made = new MemoryWorld();
    made.receive(checkoutEvent(0));
    made.receive(subscriptionEvent("created", 1, on("active")));
    return made;
  };
  const known = (made: MemoryWorld) => ({ row: made.subscriptions.get("sub_1"), tenant: made.tenant });
  const nothing = { row: undefined, tenant: undefined };

  it("finds nothing to do where both say the same", () => {
    expect(planReconcile(fields(on("active")), known(world()))).toEqual({ kind: "same" });
  });

  it.each([
    ["status", { status: "past_due" }],
    ["current_period_start", { currentPeriodStartSeconds: 1_797_400_000 }],
    ["current_period_end", { currentPeriodEndSeconds: 1_900_000_000 }],
    ["price", { priceId: "price_scale" }],
    ["prices", { priceIds: ["price_starter"] }],
    ["customer", { customerId: "cus_2" }],
  ])("names a different %s", (difference, change) => {
    const stripe = { ...fields(on("active")), ...change };
    expect(planReconcile(stripe, known(world()))).toMatchObject({ kind: "repair", differences: [difference] });
  });

  it.each(["active", "canceled"])("fills what a row of an %s subscription does not know, once", (status) => {
    const made = world();
    made.receive(subscriptionEvent("updated", 2, on(status)));
    const row = { ...rowOf(0), ...made.subscriptions.get("sub_1"), currentPeriodStart: null, priceIds: null };
    made.subscriptions.set("sub_1", row);
    // The state is of the very second for which the fetched one counts.
    const fetchedAtMs = (row.stateAsOf + 60) * 1_000;
    expect(reconcile(made, on(status), fetchedAtMs)).toEqual(["current_period_start", "prices"]);
    expect(made.invoiced).toEqual(periodAndPrices(fields(on(status))));
    expect(made.questions).toBe(0);
    expect(planReconcile(fields(on(status)), known(made))).toEqual({ kind: "same" });
  });

  it("sees a tenant that lost step with its subscription", () => {
    const made = world();
    const tenant = { ...made.tenant, subscriptionStatus: "past_due" };
    expect(planReconcile(fields(on("active")), { ...known(made), tenant })).toMatchObject({
      differences: ["tenant_follows"],
      takesState: true,
    });
  });

  it("leaves other products, what ended before it was known, and erased tenants alone", () => {
    expect(planReconcile(fields(subscriptionObject("active")), nothing)).toEqual({ kind: "foreign" });
    expect(planReconcile(fields(on("canceled")), nothing)).toEqual({ kind: "over" });
    const tenant = { ...world().tenant, status: "Purging" as const };
    expect(planReconcile(fields(on("active")), { row: undefined, tenant })).toEqual({ kind: "gone" });
  });
});

describe("stateAsOf", () => {
  it("lies a clock's tolerance before the fetch, and never before what is known", () => {
    expect(stateAsOf(1_000_000, undefined)).toBe(700);
    const row = rowOf(900);
    expect(stateAsOf(1_000_000, row)).toBe(900);
  });
});

function rowOf(stateAsOfSeconds: number) {
  const made = new MemoryWorld();
  made.receive(subscriptionEvent("created", 1, on("active")));
  const row = made.subscriptions.get("sub_1");
  if (row === undefined) throw new Error("no row");
  return { ...row, stateAsOf: stateAsOfSeconds };
}
