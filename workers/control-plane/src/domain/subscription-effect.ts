import { eventForSubscription } from "@prego/core/tenant-state";
import type { SubscriptionFields } from "@prego/core/stripe";
import { findHeir, isWithoutSubscription } from "./customer-link.ts";
import { isAdrift } from "./reconcile-plan.ts";
import { emptyChangeSet, type ChangeSet } from "./change-set.ts";
import type { SubscriptionRow, TenantRow } from "./rows.ts";
import { statePlan } from "./state-plan.ts";
import { STRIPE_ACTOR, storeFailure, storeIgnored, storeProcessed } from "./stripe-outcome.ts";
import type { StripeContext, StripeNews, StripePlan, StripeState } from "./stripe-state.ts";
import { isEnded, mergeSubscription } from "./subscription-merge.ts";
import { moveTenant } from "./tenant-move.ts";

type SubscriptionNews = StripeNews & { subscription: SubscriptionFields };

interface Following {
  tenant: TenantRow;
  after: SubscriptionRow;
  changes: ChangeSet;
  /** Whether the news themselves are the newest state. */
  isTaken: boolean;
}

/** Keeps the newest state of a subscription, and lets the tenant that has it follow. */
export function planSubscription(news: SubscriptionNews, state: StripeState, context: StripeContext): StripePlan {
  const { envelope, subscription } = news;
  const { tenant } = state;
  if (tenant !== undefined && (tenant.status === "Purging" || tenant.status === "Purged")) {
    // The purge ends the subscription itself, so its end is no news; its rows must not come back.
    return isEnded(subscription.status) ? storeIgnored("tenant_gone") : storeFailure(news, "tenant_gone");
  }
  const merge = mergeSubscription(
    state.subscription,
    { fields: subscription, asOfSeconds: envelope.createdSeconds },
    { nowMs: context.nowMs, asked: context.asked.get(subscription.id) },
  );
  if (merge.kind === "ask") return merge;
  const newest = merge.kind === "take" ? merge.after : state.subscription;
  if (newest === undefined) return storeProcessed(tenant);
  const joining = findJoining(news, newest, { state, context });
  if (joining?.kind === "ask") return joining;
  const follower = tenant ?? joining?.tenant;
  const isTaken = merge.kind === "take";
  const changes = emptyChangeSet();
  if (follower !== undefined) stateNewsPlan(changes, { news, tenant: follower, isTaken }, state);
  if (!isTaken && joining === undefined && !isOutOfStep(tenant, newest)) return storeProcessed(tenant, changes);

  const after = { ...newest, tenantId: follower?.tenantId ?? newest.tenantId };
  changes.subscription = { before: state.subscription, after };
  changes.audit.push({
    actor: news.actor ?? STRIPE_ACTOR,
    action: "subscription.changed",
    target: `stripe_subscriptions/${after.subscriptionId}`,
    tenantId: after.tenantId,
    traceId: follower?.traceId ?? null,
    detail: describeChange(news, { before: state.subscription, after, planId: planOf(state, after) }),
  });
  if (follower === undefined) {
    // A checkout that commits in between would otherwise never learn this state.
    changes.preconditions.push({ kind: "no_tenant_has_subscription", subscriptionId: after.subscriptionId });
    return storeProcessed(undefined, changes);
  }
  return followSubscription(news, { tenant: follower, after, changes, isTaken }, { state, context });
}

/**
 * Every state with a known price says which plan its second had, also one that comes too late to move the tenant: so the
 * history is the same whatever the order of arrival.
 */
function stateNewsPlan(
  changes: ChangeSet,
  { news, tenant, isTaken }: { news: SubscriptionNews; tenant: TenantRow; isTaken: boolean },
  state: StripeState,
): void {
  const { id: source, createdSeconds: atSeconds } = news.envelope;
  const isLate = !isTaken && atSeconds < (state.subscription?.stateAsOf ?? 0);
  const planId = state.planIdByPrice.get(news.subscription.priceId ?? "");
  // A fetched state has no second of its own in the past.
  if (!isLate || planId === undefined || news.fetchedSeconds !== undefined) return;
  changes.plans.push(statePlan({ tenantId: tenant.tenantId, planId, atSeconds, source }));
  changes.audit.push({
    actor: news.actor ?? STRIPE_ACTOR,
    action: "tenant.plan_stated",
    target: `tenants_master/${tenant.tenantId}`,
    tenantId: tenant.tenantId,
    traceId: tenant.traceId,
    detail: { stripe_event_id: source, plan: planId, effective_from_seconds: atSeconds },
  });
}

/** A subscription made without a checkout is the next one of its customer's tenant, once that has none that runs. */
function findJoining(
  { subscription }: SubscriptionNews,
  { status }: SubscriptionRow,
  { state, context }: { state: StripeState; context: StripeContext },
): { kind: "join"; tenant: TenantRow } | { kind: "ask"; subscriptionId: string } | undefined {
  if (state.tenant !== undefined) return undefined;
  const heir = findHeir({ status, metadata: subscription.metadata }, state.customerTenant);
  if (heir === undefined) return undefined;
  if (isWithoutSubscription(heir) || heir.stripeSubscriptionId === null) return { kind: "join", tenant: heir };
  // Its end may be on the way: Stripe knows.
  const asked = context.asked.get(heir.stripeSubscriptionId);
  if (asked === undefined) return { kind: "ask", subscriptionId: heir.stripeSubscriptionId };
  return isEnded(asked.status) ? { kind: "join", tenant: heir } : undefined;
}

function followSubscription(
  news: SubscriptionNews,
  { tenant, after, changes, isTaken }: Following,
  { state, context }: { state: StripeState; context: StripeContext },
): StripePlan {
  const planId = planOf(state, after);
  const move = moveTenant({
    tenant,
    event: eventForSubscription(after.status),
    set: {
      stripeSubscriptionId: after.subscriptionId,
      ...subscriptionColumns(after),
      planId: planId ?? tenant.planId,
    },
    openJobs: state.openJobs,
    nodes: state.nodes,
    newJobIds: context.newJobIds,
    actor: news.actor ?? STRIPE_ACTOR,
    nowMs: context.nowMs,
  });
  if (move.kind === "refused") return storeFailure(news, "transition_refused", tenant.traceId);
  changes.tenant = { kind: "update", before: tenant, set: move.set };
  const { envelope, fetchedSeconds } = news;
  // Every event says which plan its second had; a fetched state only that a plan is another one by now.
  if (planId !== undefined && ((isTaken && fetchedSeconds === undefined) || planId !== tenant.planId)) {
    const atSeconds = isTaken ? (fetchedSeconds ?? envelope.createdSeconds) : after.stateAsOf;
    changes.plans.push(statePlan({ tenantId: tenant.tenantId, planId, atSeconds, source: envelope.id }));
  }
  changes.jobs.push(...move.jobs);
  changes.preconditions.push(...move.preconditions);
  changes.trace.push({
    eventType: "subscription.changed",
    traceId: tenant.traceId,
    tenantId: tenant.tenantId,
    payload: { status: after.status, stripe_event_id: news.envelope.id },
  });
  changes.trace.push(...move.trace);
  changes.audit.push(...move.audit);
  changes.funnel.push(...move.funnel);
  return storeProcessed(tenant, changes);
}

/** A tenant that does not say what its subscription's row says follows it, also when the news themselves are old. */
const isOutOfStep = (tenant: TenantRow | undefined, row: SubscriptionRow): boolean =>
  tenant !== undefined && (isAdrift(tenant, row) || row.tenantId !== tenant.tenantId);

/** Plan that the subscription's price stands for. */
export const planOf = ({ planIdByPrice }: StripeState, { priceId }: SubscriptionRow): string | undefined =>
  priceId === null ? undefined : planIdByPrice.get(priceId);

/** What a tenant's row repeats of its subscription. */
export const subscriptionColumns = (
  row: SubscriptionRow,
): Pick<TenantRow, "subscriptionStatus" | "currentPeriodEnd"> => ({
  subscriptionStatus: row.status,
  currentPeriodEnd: row.currentPeriodEnd,
});

function describeChange(
  { envelope }: SubscriptionNews,
  change: { before: SubscriptionRow | undefined; after: SubscriptionRow; planId: string | undefined },
): Record<string, unknown> {
  const { before, after, planId } = change;
  return {
    stripe_event_id: envelope.id,
    from: before?.status ?? null,
    to: after.status,
    price: after.priceId,
    current_period_end: after.currentPeriodEnd,
    plan_of_price: planId ?? "unknown",
  };
}
