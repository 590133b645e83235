import { isReservedSlug, isSlug } from "@prego/core/id";
import { formatInstant } from "@prego/core/period";
import type { CheckoutSessionFields } from "@prego/core/stripe";
import { sanitizeTraceIdValue } from "@prego/core/trace-id";
import { emptyChangeSet, type ChangeSet, type PlanStatement } from "./change-set.ts";
import type { TenantRow } from "./rows.ts";
import { STRIPE_ACTOR, storeFailure, storeProcessed } from "./stripe-outcome.ts";
import type { StripeContext, StripeNews, StripePlan, StripeState } from "./stripe-state.ts";
import { statePlan } from "./state-plan.ts";
import { planOf, subscriptionColumns } from "./subscription-effect.ts";
import { isEnded } from "./subscription-merge.ts";
import { moveTenant, type Moved } from "./tenant-move.ts";

type CheckoutNews = StripeNews & { session: CheckoutSessionFields };

/** A paid checkout that has everything a tenant needs. */
interface Purchase {
  sessionId: string;
  slug: string;
  planId: string;
  region: string;
  name: string | null;
  traceId: string | null;
  customerId: string;
  subscriptionId: string;
}

const REGION_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/;
const NAME_CHARS_MAX = 200;

/**
 * The tenant of a paid checkout: a new one, or the one that waits for this payment. It joins the newest known state of its
 * subscription, so the checkout may come before, between or after the subscription's own events.
 */
export function planCheckout(news: CheckoutNews, state: StripeState, context: StripeContext): StripePlan {
  const purchase = readPurchase(news.session);
  const traceId = sanitizeTraceIdValue(news.session.metadata["trace_id"]);
  if (typeof purchase === "string") return storeFailure(news, purchase, traceId);
  if (!state.isPlanKnown) return storeFailure(news, "plan_unknown", traceId);

  const owner = findOwner(purchase, state);
  if (owner.kind === "failed") return storeFailure(news, owner.reason, traceId);
  if (owner.kind === "applied") return storeProcessed(owner.tenant);
  const tenant = owner.kind === "upgrade" ? owner.tenant : draftTenant(purchase, context);

  const current = tenant.stripeSubscriptionId;
  if (current !== null && !isEnded(tenant.subscriptionStatus ?? "unknown")) {
    const asked = context.asked.get(current);
    if (asked === undefined) return { kind: "ask", subscriptionId: current };
    if (!isEnded(asked.status)) return storeFailure(news, "tenant_has_subscription", traceId);
  }
  return applyPurchase({ news, purchase, tenant, isNew: owner.kind === "create" }, state, context);
}

/** Reads what the session's metadata must hold, or the reason why it cannot make a tenant. */
function readPurchase(session: CheckoutSessionFields): Purchase | string {
  const { metadata, customerId, subscriptionId } = session;
  const { slug, plan, region } = metadata as Record<"slug" | "plan" | "region", string | undefined>;
  if (slug === undefined || plan === undefined || region === undefined) return "metadata_missing";
  if (!isSlug(slug) || isReservedSlug(slug)) return "slug_invalid";
  if (!REGION_PATTERN.test(region)) return "region_invalid";
  if (customerId === undefined || subscriptionId === undefined) return "subscription_missing";
  const name = metadata["name"]?.trim().slice(0, NAME_CHARS_MAX);
  return {
    sessionId: session.id,
    slug,
    planId: plan,
    region,
    name: name === undefined || name === "" ? null : name,
    traceId: sanitizeTraceIdValue(metadata["trace_id"]),
    customerId,
    subscriptionId,
  };
}

/** A tenant that has its place stays there; any other goes where the purchase says. */
export const regionOfPurchase = <R extends string | undefined>(region: R, tenant: TenantRow | undefined): R | string =>
  tenant !== undefined && (tenant.nodeId !== null || tenant.provisionedAt !== null) ? tenant.region : region;

type Owner =
  | { kind: "create" }
  | { kind: "upgrade" | "applied"; tenant: TenantRow }
  | { kind: "failed"; reason: string };

/** Money was taken, so a slug, customer or subscription that belongs to someone else is left for a person to sort out. */
function findOwner({ slug }: Purchase, state: StripeState): Owner {
  const { tenant: holder, claimedTenant, slugTenant, customerTenant } = state;
  if (holder !== undefined) {
    return holder.slug === slug
      ? { kind: "applied", tenant: holder }
      : { kind: "failed", reason: "subscription_taken" };
  }
  if (slugTenant === undefined) {
    return customerTenant === undefined ? { kind: "create" } : { kind: "failed", reason: "customer_taken" };
  }
  if (claimedTenant?.tenantId !== slugTenant.tenantId) return { kind: "failed", reason: "slug_taken" };
  if (customerTenant !== undefined && customerTenant.tenantId !== slugTenant.tenantId) {
    return { kind: "failed", reason: "customer_taken" };
  }
  const isGone = slugTenant.status === "Purging" || slugTenant.status === "Purged";
  return isGone ? { kind: "failed", reason: "tenant_gone" } : { kind: "upgrade", tenant: slugTenant };
}

function draftTenant(purchase: Purchase, { nowMs, newTenant }: StripeContext): TenantRow {
  const now = formatInstant(nowMs);
  return {
    ...newTenant,
    slug: purchase.slug,
    name: purchase.name,
    type: "standard",
    planId: purchase.planId,
    status: "Pending_Payment",
    statusChangedAt: now,
    provisionedAt: null,
    region: purchase.region,
    nodeId: null,
    stripeCustomerId: null,
    stripeSubscriptionId: null,
    subscriptionStatus: null,
    currentPeriodEnd: null,
    traceId: purchase.traceId,
    pendingDeletionAt: null,
    purgeAfter: null,
    legalHold: 0,
    createdAt: now,
    updatedAt: now,
  };
}

interface Application {
  news: CheckoutNews;
  purchase: Purchase;
  tenant: TenantRow;
  isNew: boolean;
}

function applyPurchase(
  { news, purchase, tenant, isNew }: Application,
  state: StripeState,
  context: StripeContext,
): StripePlan {
  const known = state.subscription;
  const move = moveTenant({
    tenant,
    event: "payment_completed",
    set: {
      stripeCustomerId: purchase.customerId,
      stripeSubscriptionId: purchase.subscriptionId,
      ...(known === undefined ? { subscriptionStatus: null, currentPeriodEnd: null } : subscriptionColumns(known)),
      planId: (known === undefined ? undefined : planOf(state, known)) ?? purchase.planId,
      region: regionOfPurchase(purchase.region, tenant),
      traceId: tenant.traceId ?? purchase.traceId,
    },
    openJobs: state.openJobs,
    nodes: state.nodes,
    newJobIds: context.newJobIds,
    actor: news.actor ?? STRIPE_ACTOR,
    nowMs: context.nowMs,
  });
  if (move.kind === "refused") return storeFailure(news, "transition_refused", purchase.traceId);

  const changes = emptyChangeSet();
  changes.tenant = isNew
    ? { kind: "create", row: { ...tenant, ...move.set } }
    : { kind: "update", before: tenant, set: move.set };
  changes.jobs.push(...move.jobs);
  changes.plans.push(...statePurchasedPlans({ news, purchase, tenant }, state));
  changes.preconditions.push(...move.preconditions);
  joinSubscription(changes, { purchase, tenantId: tenant.tenantId, state, nowMs: context.nowMs });
  recordPurchase(changes, { news, purchase, tenant: { ...tenant, ...move.set }, isNew }, move);
  return storeProcessed({ tenantId: tenant.tenantId, traceId: move.set.traceId ?? tenant.traceId }, changes);
}

/** The plan as it was bought, and what the subscription is known to have become since. */
function statePurchasedPlans(
  { news, purchase, tenant: { tenantId } }: Pick<Application, "news" | "purchase" | "tenant">,
  state: StripeState,
): PlanStatement[] {
  const { id: source, createdSeconds } = news.envelope;
  const known = state.subscription;
  const knownPlan = known === undefined ? undefined : planOf(state, known);
  if (known === undefined || knownPlan === undefined) {
    return [statePlan({ tenantId, planId: purchase.planId, atSeconds: createdSeconds, source })];
  }
  const bought = { tenantId, planId: purchase.planId, atSeconds: createdSeconds, source };
  const since = { tenantId, planId: knownPlan, atSeconds: known.stateAsOf, source };
  return createdSeconds < known.stateAsOf ? [statePlan(bought), statePlan(since)] : [statePlan(since)];
}

function joinSubscription(
  changes: ChangeSet,
  join: { purchase: Purchase; tenantId: string; state: StripeState; nowMs: number },
): void {
  const { subscription: before } = join.state;
  if (before === undefined) {
    // A state that commits in between would otherwise never reach the tenant.
    changes.preconditions.push({ kind: "subscription_unknown", subscriptionId: join.purchase.subscriptionId });
    return;
  }
  changes.subscription = {
    before,
    after: { ...before, tenantId: join.tenantId, updatedAt: formatInstant(join.nowMs) },
  };
}

function recordPurchase(changes: ChangeSet, { news, purchase, tenant, isNew }: Application, move: Moved): void {
  const about = { traceId: tenant.traceId, tenantId: tenant.tenantId };
  const detail = {
    stripe_event_id: news.envelope.id,
    session: purchase.sessionId,
    slug: tenant.slug,
    plan: tenant.planId,
    region: tenant.region,
    status: tenant.status,
  };
  const action = isNew ? "tenant.created" : "tenant.paid";
  changes.trace.push({ ...about, eventType: "checkout.completed", payload: { session: purchase.sessionId } });
  changes.trace.push({ ...about, eventType: action, payload: { plan: tenant.planId, region: tenant.region } });
  changes.audit.push({
    ...about,
    actor: news.actor ?? STRIPE_ACTOR,
    action,
    target: `tenants_master/${tenant.tenantId}`,
    detail,
  });
  changes.funnel.push({
    ...about,
    eventType: "m_stripe_webhook_checkout_complete",
    source: "stripe_webhook",
    success: true,
    payload: { stripe_event_id: news.envelope.id, stripe_session_id: purchase.sessionId },
  });
  changes.trace.push(...move.trace);
  changes.audit.push(...move.audit);
  changes.funnel.push(...move.funnel);
}
