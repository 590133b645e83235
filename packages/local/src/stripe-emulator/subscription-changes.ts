import type { EmulatorContext } from "./context.ts";
import { emitEvent, type EventType } from "./events.ts";
import { createMissingResource } from "./stripe-failure.ts";
import type { SubscriptionObject, SubscriptionStatus } from "./subscription-object.ts";

export function findSubscription(context: EmulatorContext, id: string): SubscriptionObject {
  const subscription = context.state.subscriptions.get(id);
  if (subscription === undefined) throw createMissingResource("subscription", id);
  return subscription;
}

/** Stores a changed subscription and emits the events that Stripe sends for the step. */
export function changeSubscription(
  context: EmulatorContext,
  id: string,
  change: Partial<SubscriptionObject>,
): SubscriptionObject {
  const before = findSubscription(context, id);
  const after: SubscriptionObject = { ...before, ...change };
  context.state.subscriptions.set(id, after);
  const previous = pickPrevious(before, change);
  for (const type of nameChanges(before.status, after.status)) {
    // A deletion shows the final object only.
    emitEvent(
      context,
      type === "customer.subscription.deleted" ? { type, object: after } : { type, object: after, previous },
    );
  }
  return after;
}

export function cancelSubscription(context: EmulatorContext, id: string): SubscriptionObject {
  return changeSubscription(context, id, { status: "canceled", ...describeEnd(context) });
}

/** Moves a subscription to a status as Stripe's own billing would. */
export function moveSubscription(context: EmulatorContext, id: string, status: SubscriptionStatus): SubscriptionObject {
  if (status === "canceled") return cancelSubscription(context, id);
  return changeSubscription(context, id, { status, canceled_at: null, ended_at: null });
}

function describeEnd(context: EmulatorContext): Partial<SubscriptionObject> {
  const now = context.nowSeconds();
  return {
    canceled_at: now,
    ended_at: now,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: "cancellation_requested" },
  };
}

function nameChanges(before: SubscriptionStatus, after: SubscriptionStatus): EventType[] {
  if (after === "canceled") return ["customer.subscription.deleted"];
  if (before !== "paused" && after === "paused") {
    return ["customer.subscription.updated", "customer.subscription.paused"];
  }
  if (before === "paused" && after !== "paused") {
    return ["customer.subscription.updated", "customer.subscription.resumed"];
  }
  return ["customer.subscription.updated"];
}

function pickPrevious(before: SubscriptionObject, change: Partial<SubscriptionObject>): object {
  const names = Object.keys(change) as (keyof SubscriptionObject)[];
  return Object.fromEntries(names.filter((name) => before[name] !== change[name]).map((name) => [name, before[name]]));
}
