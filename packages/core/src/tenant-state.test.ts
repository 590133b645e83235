import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  acceptsUsage,
  eventForSubscription,
  stateForSubscription,
  statesThatMayReach,
  TENANT_EVENTS,
  TENANT_STATES,
  type TenantEvent,
  type TenantFacts,
  type TenantState,
  transitionTenant,
} from "./tenant-state.ts";

const DECISIVE = ["active", "trialing", "past_due", "unpaid", "paused", "canceled", "incomplete_expired"];
const STATUSES = [...DECISIVE, "incomplete"];
const LIVING = TENANT_STATES.filter((state) => state !== "Purging" && state !== "Purged");
const SERVED: TenantState[] = ["Active", "Past_Due", "Suspended"];
const SUBSCRIPTION_EVENTS = TENANT_EVENTS.filter((event) => event.startsWith("subscription_"));

const states = fc.constantFrom(...TENANT_STATES);
const events = fc.constantFrom(...TENANT_EVENTS);
const facts: fc.Arbitrary<TenantFacts> = fc.record(
  { provisioned: fc.boolean(), subscriptionStatus: fc.constantFrom(null, "future_status", ...STATUSES) },
  { requiredKeys: [] },
);

function after(state: TenantState, event: TenantEvent, known?: TenantFacts): TenantState | "refused" {
  const transition = transitionTenant(state, event, known);
  if (transition.kind === "refuse") return "refused";
  return transition.kind === "move" ? transition.to : state;
}

describe("a tenant", () => {
  it("lives from payment to purge", () => {
    const life: [TenantEvent, TenantState][] = [
      ["payment_completed", "Provisioning"],
      ["subscription_active", "Provisioning"],
      ["provisioned", "Active"],
      ["subscription_past_due", "Past_Due"],
      ["subscription_active", "Active"],
      ["subscription_suspended", "Suspended"],
      ["subscription_ended", "Pending_Deletion"],
      ["purge_started", "Purging"],
      ["purge_finished", "Purged"],
    ];
    let state: TenantState = "Pending_Payment";
    for (const [event, expected] of life) {
      expect(after(state, event), `${state} ${event}`).toBe(expected);
      state = expected;
    }
  });

  it.each(SERVED)("in %s is to be deleted when the subscription ends", (state) => {
    expect(after(state, "subscription_ended")).toBe("Pending_Deletion");
  });

  it.each<TenantEvent>(["subscription_active", "payment_completed"])(
    "to be deleted comes back with %s, to where its provisioning stands",
    (event) => {
      expect(after("Pending_Deletion", event)).toBe("Active");
      expect(after("Pending_Deletion", event, { provisioned: false })).toBe("Provisioning");
    },
  );

  it("to be deleted is not brought back by late news of the ended subscription", () => {
    expect(after("Pending_Deletion", "subscription_past_due")).toBe("Pending_Deletion");
    expect(after("Pending_Deletion", "subscription_suspended")).toBe("Pending_Deletion");
    expect(after("Pending_Deletion", "payment_completed", { subscriptionStatus: "canceled" })).toBe("Pending_Deletion");
  });

  it.each(["Pending_Payment", "Provisioning", ...SERVED] as const)(
    "in %s is to be deleted when its first payment never came",
    (state) => {
      const event = eventForSubscription("incomplete_expired");
      expect(event).toBe("subscription_ended");
      expect(after(state, "subscription_ended", { subscriptionStatus: "incomplete_expired" })).toBe("Pending_Deletion");
    },
  );

  it("that never paid is neither provisioned nor purged", () => {
    expect(after("Pending_Payment", "provisioned")).toBe("refused");
    expect(after("Pending_Payment", "purge_started")).toBe("refused");
  });

  it("whose subscription fell behind during provisioning is Past_Due once provisioned", () => {
    expect(after("Provisioning", "subscription_past_due")).toBe("Provisioning");
    expect(after("Provisioning", "provisioned", { subscriptionStatus: "past_due" })).toBe("Past_Due");
  });

  it("without a subscription is Active once provisioned", () => {
    expect(after("Provisioning", "provisioned", { subscriptionStatus: null })).toBe("Active");
  });

  it("suspended before provisioning finished is not Active when it pays", () => {
    expect(after("Suspended", "subscription_active", { provisioned: false })).toBe("Provisioning");
    expect(after("Suspended", "subscription_active")).toBe("Active");
  });

  it("is purged only from Pending_Deletion, and not while its subscription lives", () => {
    const mayStart = TENANT_STATES.filter((state) => transitionTenant(state, "purge_started").kind === "move");
    expect(mayStart).toEqual(["Pending_Deletion"]);
    expect(after("Pending_Deletion", "purge_started", { subscriptionStatus: "canceled" })).toBe("Purging");
    expect(after("Pending_Deletion", "purge_started", { subscriptionStatus: "incomplete_expired" })).toBe("Purging");
    for (const subscriptionStatus of ["active", "trialing", "past_due", "unpaid", "paused"]) {
      expect(after("Pending_Deletion", "purge_started", { subscriptionStatus }), `while ${subscriptionStatus}`).toBe(
        "refused",
      );
    }
  });

  it("under purge never leaves, but to be purged", () => {
    fc.assert(
      fc.property(fc.constantFrom<TenantState>("Purging", "Purged"), events, facts, (state, event, known) => {
        const transition = transitionTenant(state, event, known);
        const isLast = state === "Purging" && event === "purge_finished";
        expect(transition.kind === "move" ? transition.to : "none").toBe(isLast ? "Purged" : "none");
      }),
    );
  });

  it("never goes back to Pending_Payment", () => {
    expect(statesThatMayReach("Pending_Payment")).toEqual([]);
  });

  it("stays where it is when an event repeats", () => {
    fc.assert(
      fc.property(states, events, facts, (state, event, known) => {
        const first = transitionTenant(state, event, known);
        fc.pre(first.kind === "move");
        expect(transitionTenant(first.to, event, known)).toEqual({ kind: "stay" });
      }),
    );
  });

  it("never moves to where it is, and says why when it refuses", () => {
    fc.assert(
      fc.property(states, events, facts, (state, event, known) => {
        const transition = transitionTenant(state, event, known);
        expect(transition).not.toEqual({ kind: "move", to: state });
        expect(transition).not.toEqual({ kind: "refuse", reason: "" });
      }),
    );
  });
});

describe("the order of events", () => {
  it("does not matter: all orders with repeats end where Stripe's subscription says", () => {
    const arrivals: TenantEvent[] = ["payment_completed", ...SUBSCRIPTION_EVENTS];
    fc.assert(
      fc.property(
        fc.constantFrom(...DECISIVE),
        fc.shuffledSubarray([...arrivals, ...arrivals], { minLength: 1 }),
        fc.nat(),
        fc.boolean(),
        (subscriptionStatus, order, provisionedAt, isProvisioned) => {
          let state: TenantState = "Pending_Payment";
          const step = (event: TenantEvent, provisioned: boolean) => {
            const next = after(state, event, { provisioned, subscriptionStatus });
            if (next !== "refused") state = next;
          };
          order.forEach((event, index) => {
            const isDone = isProvisioned && index >= provisionedAt % order.length;
            if (isDone && index === provisionedAt % order.length) step("provisioned", true);
            step(event, isDone);
          });
          expect(state).toBe(stateForSubscription({ status: subscriptionStatus, provisioned: isProvisioned }));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it.each(LIVING)("leads from %s to the subscription's state with any event about it", (state) => {
    const canBeUnprovisioned = state !== "Active" && state !== "Past_Due";
    for (const subscriptionStatus of DECISIVE) {
      for (const provisioned of canBeUnprovisioned ? [true, false] : [true]) {
        for (const event of SUBSCRIPTION_EVENTS) {
          const expected = stateForSubscription({ status: subscriptionStatus, provisioned });
          expect(after(state, event, { subscriptionStatus, provisioned })).toBe(expected);
        }
      }
    }
  });
});

describe("the state that follows from a subscription", () => {
  it.each([
    ["active", "Active", "Provisioning"],
    ["trialing", "Active", "Provisioning"],
    ["past_due", "Past_Due", "Provisioning"],
    ["unpaid", "Suspended", "Suspended"],
    ["paused", "Suspended", "Suspended"],
    ["canceled", "Pending_Deletion", "Pending_Deletion"],
    ["incomplete", undefined, "Pending_Payment"],
    ["incomplete_expired", "Pending_Deletion", "Pending_Deletion"],
    ["future_status", undefined, undefined],
    ["constructor", undefined, undefined],
  ])("%s is %s once provisioned and %s before", (status, provisioned, unprovisioned) => {
    expect(stateForSubscription({ status, provisioned: true })).toBe(provisioned);
    expect(stateForSubscription({ status, provisioned: false })).toBe(unprovisioned);
  });

  it("comes with an event unless the first payment is still awaited", () => {
    expect(STATUSES.filter((status) => eventForSubscription(status) === undefined)).toEqual(["incomplete"]);
  });
});

describe("the states that may reach a state", () => {
  it("are exactly those from which some event moves there", () => {
    const reached = new Map(TENANT_STATES.map((to) => [to, new Set<TenantState>()]));
    fc.assert(
      fc.property(states, events, facts, (state, event, known) => {
        const transition = transitionTenant(state, event, known);
        if (transition.kind !== "move") return;
        expect(statesThatMayReach(transition.to)).toContain(state);
        reached.get(transition.to)?.add(state);
      }),
      { numRuns: 5_000 },
    );
    for (const [to, from] of reached) expect(new Set(statesThatMayReach(to))).toEqual(from);
  });

  it("are one each for the steps of a purge", () => {
    expect(statesThatMayReach("Purging")).toEqual(["Pending_Deletion"]);
    expect(statesThatMayReach("Purged")).toEqual(["Purging"]);
  });
});

it("usage is taken until the purge begins", () => {
  expect(TENANT_STATES.filter((state) => acceptsUsage(state) === "gone")).toEqual(["Purging", "Purged"]);
});
