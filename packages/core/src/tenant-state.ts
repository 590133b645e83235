/** The states of a tenant, in the order of a life without trouble. */
export const TENANT_STATES = [
  "Pending_Payment",
  "Provisioning",
  "Active",
  "Past_Due",
  "Suspended",
  "Pending_Deletion",
  "Purging",
  "Purged",
] as const;

/** One of {@link TENANT_STATES}. */
export type TenantState = (typeof TENANT_STATES)[number];

/** What may move a tenant. */
export const TENANT_EVENTS = [
  "payment_completed",
  "provisioned",
  "subscription_active",
  "subscription_past_due",
  "subscription_suspended",
  "subscription_ended",
  "purge_started",
  "purge_finished",
] as const;

/** One of {@link TENANT_EVENTS}. */
export type TenantEvent = (typeof TENANT_EVENTS)[number];

/** The answer to an event: move, nothing to do (a repeat, or the state stands), or not allowed from here. */
export type TenantTransition =
  | { kind: "move"; to: TenantState }
  | { kind: "stay" }
  | { kind: "refuse"; reason: string };

/** What is known besides the event; it makes the outcome the same in every order of arrival. */
export interface TenantFacts {
  /** Whether provisioning has ever finished; by default what the state implies. */
  provisioned?: boolean;
  /** Newest known status of Stripe's subscription object, which outranks the event's own meaning. */
  subscriptionStatus?: string | null;
}

type Cell = TenantState | "stay" | "refuse";

// Without further facts. `Active` becomes `Provisioning` for a tenant whose provisioning has not finished.
const TRANSITIONS: Readonly<Record<TenantState, Readonly<Record<TenantEvent, Cell>>>> = {
  Pending_Payment: {
    payment_completed: "Provisioning",
    provisioned: "refuse",
    subscription_active: "Active",
    subscription_past_due: "Past_Due",
    subscription_suspended: "Suspended",
    subscription_ended: "Pending_Deletion",
    purge_started: "refuse",
    purge_finished: "refuse",
  },
  Provisioning: {
    payment_completed: "stay",
    provisioned: "Active",
    subscription_active: "Active",
    subscription_past_due: "Past_Due",
    subscription_suspended: "Suspended",
    subscription_ended: "Pending_Deletion",
    purge_started: "refuse",
    purge_finished: "refuse",
  },
  Active: {
    payment_completed: "stay",
    provisioned: "stay",
    subscription_active: "stay",
    subscription_past_due: "Past_Due",
    subscription_suspended: "Suspended",
    subscription_ended: "Pending_Deletion",
    purge_started: "refuse",
    purge_finished: "refuse",
  },
  Past_Due: {
    payment_completed: "stay",
    provisioned: "stay",
    subscription_active: "Active",
    subscription_past_due: "stay",
    subscription_suspended: "Suspended",
    subscription_ended: "Pending_Deletion",
    purge_started: "refuse",
    purge_finished: "refuse",
  },
  Suspended: {
    payment_completed: "stay",
    provisioned: "stay",
    subscription_active: "Active",
    subscription_past_due: "Past_Due",
    subscription_suspended: "stay",
    subscription_ended: "Pending_Deletion",
    purge_started: "refuse",
    purge_finished: "refuse",
  },
  Pending_Deletion: {
    payment_completed: "Active",
    provisioned: "stay",
    subscription_active: "Active",
    // Stripe never revives an ended subscription into these: they are late news of the old one.
    subscription_past_due: "stay",
    subscription_suspended: "stay",
    subscription_ended: "stay",
    purge_started: "Purging",
    purge_finished: "refuse",
  },
  Purging: {
    payment_completed: "refuse",
    provisioned: "refuse",
    subscription_active: "refuse",
    subscription_past_due: "refuse",
    subscription_suspended: "refuse",
    subscription_ended: "refuse",
    purge_started: "stay",
    purge_finished: "Purged",
  },
  Purged: {
    payment_completed: "refuse",
    provisioned: "refuse",
    subscription_active: "refuse",
    subscription_past_due: "refuse",
    subscription_suspended: "refuse",
    subscription_ended: "refuse",
    purge_started: "stay",
    purge_finished: "stay",
  },
};

const SUBSCRIPTION_EVENTS: Readonly<Record<string, TenantEvent>> = {
  active: "subscription_active",
  trialing: "subscription_active",
  past_due: "subscription_past_due",
  unpaid: "subscription_suspended",
  paused: "subscription_suspended",
  canceled: "subscription_ended",
  // The first payment never came: Stripe has given up, so service ends as if it had been canceled.
  incomplete_expired: "subscription_ended",
};

/**
 * The event that a subscription's status stands for; undefined for `incomplete` (not paid yet) and for
 * statuses that Stripe may add.
 */
export function eventForSubscription(status: string): TenantEvent | undefined {
  return Object.hasOwn(SUBSCRIPTION_EVENTS, status) ? SUBSCRIPTION_EVENTS[status] : undefined;
}

/**
 * The state that follows from Stripe's subscription alone, whatever events came in whatever order. For reconciling, and
 * the goal of {@link transitionTenant} when the status is known.
 * @returns undefined if the status decides nothing: an unpaid attempt beside a served tenant, or an unknown status.
 */
export function stateForSubscription(subscription: { status: string; provisioned: boolean }): TenantState | undefined {
  const { status, provisioned } = subscription;
  switch (eventForSubscription(status)) {
    case "subscription_active":
      return provisioned ? "Active" : "Provisioning";
    case "subscription_past_due":
      return provisioned ? "Past_Due" : "Provisioning";
    case "subscription_suspended":
      return "Suspended";
    case "subscription_ended":
      return "Pending_Deletion";
    default:
      return !provisioned && status === "incomplete" ? "Pending_Payment" : undefined;
  }
}

/**
 * What an event does to a tenant: the one transition table (spec: billing.md). Events repeat and arrive in any order;
 * with `facts.subscriptionStatus` given, every order ends in {@link stateForSubscription}. `Purging` and `Purged` are
 * never left except for `Purged`; nothing returns to `Pending_Payment`.
 * @param facts `provisioned` matters where the state does not tell: suspended or ended before provisioning finished.
 */
export function transitionTenant(state: TenantState, event: TenantEvent, facts: TenantFacts = {}): TenantTransition {
  const cell = TRANSITIONS[state][event];
  if (state === "Purging" || state === "Purged") return transitionTo(state, cell, event);

  const provisioned = isProvisioned(state, event, facts);
  const { subscriptionStatus: status } = facts;
  const goal = status === undefined || status === null ? undefined : stateForSubscription({ status, provisioned });
  if (event === "purge_started" || event === "purge_finished") {
    const isResumed = goal !== undefined && goal !== "Pending_Deletion";
    return isResumed ? { kind: "refuse", reason: "the subscription has not ended" } : transitionTo(state, cell, event);
  }
  if (goal !== undefined) return transitionTo(state, goal === "Pending_Payment" ? "stay" : goal, event);
  return transitionTo(state, !provisioned && (cell === "Active" || cell === "Past_Due") ? "Provisioning" : cell, event);
}

function isProvisioned(state: TenantState, event: TenantEvent, facts: TenantFacts): boolean {
  if (event === "provisioned" || state === "Active" || state === "Past_Due") return true;
  return facts.provisioned ?? (state !== "Pending_Payment" && state !== "Provisioning");
}

function transitionTo(state: TenantState, cell: Cell, event: TenantEvent): TenantTransition {
  if (cell === "refuse") return { kind: "refuse", reason: `${event} is not possible in ${state}` };
  return cell === "stay" || cell === state ? { kind: "stay" } : { kind: "move", to: cell };
}

const STATUSES_TO_TRY = [undefined, "incomplete", ...Object.keys(SUBSCRIPTION_EVENTS)];

/** Every state from which some event, with some facts, moves to `to`: the `status IN (…)` of a conditional update. */
export function statesThatMayReach(to: TenantState): TenantState[] {
  const facts = STATUSES_TO_TRY.flatMap((status) =>
    [true, false].map((provisioned) => ({ provisioned, subscriptionStatus: status ?? null })),
  );
  return TENANT_STATES.filter((state) =>
    TENANT_EVENTS.some((event) =>
      facts.some((known) => {
        const transition = transitionTenant(state, event, known);
        return transition.kind === "move" && transition.to === to;
      }),
    ),
  );
}

/** Whether usage of a tenant in this state is taken; `gone` is answered with 410. */
export function acceptsUsage(state: TenantState): "accept" | "gone" {
  return state === "Purging" || state === "Purged" ? "gone" : "accept";
}
