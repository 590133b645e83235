import type { AuditChange } from "@prego/core/audit";
import { emptyChangeSet, type ChangeSet } from "./change-set.ts";
import { planCheckout } from "./checkout-effect.ts";
import type { TenantRow } from "./rows.ts";
import type { StripeFact } from "./stripe-fact.ts";
import type { StripeContext, StripeNews, StripeOutcome, StripePlan, StripeState } from "./stripe-state.ts";
import { planSubscription } from "./subscription-effect.ts";

/**
 * What a verified event changes, as a value. It depends on what is known and on Stripe's objects, never on the order of
 * arrival: a tenant is a function of {checkout seen, provisioned, newest known subscription state}.
 */
export function planStripeEffect(news: StripeNews, state: StripeState, context: StripeContext): StripePlan {
  const { envelope, fact } = news;
  if (envelope.livemode !== context.livemode) return quarantine(news, "livemode_mismatch");
  if (envelope.isForeign) return quarantine(news, "foreign_account");
  switch (fact.kind) {
    case "ignored":
      return store({ status: "ignored", error: null });
    case "unreadable":
      return failStripeEvent(news, fact.reason);
    case "checkout":
      return planCheckout({ ...news, session: fact.session }, state, context);
    case "subscription":
      return planSubscription({ ...news, subscription: fact.subscription }, state, context);
    case "invoice":
      return recordInvoice(news, fact, state.tenant);
    case "charge":
      return recordCharge(news, fact, state.tenant);
    case "meter_report":
      return recordMeterReport(news, fact.meterId);
  }
}

/** Stores an event that can never succeed, where an operator sees it. */
export function failStripeEvent(news: StripeNews, reason: string, traceId: string | null = null): StripePlan {
  const changes = emptyChangeSet();
  changes.audit.push(auditOf(news, { action: "stripe.event_failed", detail: { reason } }));
  changes.trace.push({
    eventType: "stripe.event_failed",
    traceId,
    level: "error",
    message: "A payment event could not be applied.",
    payload: { stripe_event_id: news.envelope.id, type: news.envelope.type, reason },
  });
  return store({ status: "failed", error: reason, traceId }, changes);
}

function quarantine(news: StripeNews, reason: string): StripePlan {
  const changes = emptyChangeSet();
  changes.audit.push(auditOf(news, { action: "stripe.event_quarantined", detail: { reason } }));
  return store({ status: "quarantined", error: reason }, changes);
}

function recordInvoice(news: StripeNews, fact: StripeFact & { kind: "invoice" }, tenant: TenantRow | undefined): StripePlan {
  const changes = emptyChangeSet();
  const action = `invoice.${fact.outcome}`;
  const detail = { invoice: fact.objectId ?? null, subscription: fact.subscriptionId ?? null };
  changes.audit.push(auditOf(news, { action, detail, tenant }));
  changes.trace.push({
    eventType: action,
    traceId: tenant?.traceId ?? null,
    tenantId: tenant?.tenantId ?? null,
    level: fact.outcome === "paid" ? "info" : "warn",
    payload: detail,
  });
  return store({ status: "processed", error: null, ...tenantOf(tenant) }, changes);
}

function recordCharge(news: StripeNews, fact: StripeFact & { kind: "charge" }, tenant: TenantRow | undefined): StripePlan {
  const changes = emptyChangeSet();
  const detail = { object: fact.objectId ?? null };
  changes.audit.push(auditOf(news, { action: `charge.${fact.outcome}`, detail, tenant }));
  return store({ status: "processed", error: null, ...tenantOf(tenant) }, changes);
}

/** The report itself is fetched later by whoever owns the sent usage; the meter's id is kept for that. */
function recordMeterReport(news: StripeNews, meterId: string | undefined): StripePlan {
  const changes = emptyChangeSet();
  const report = { meter: meterId ?? null, type: news.envelope.type };
  changes.audit.push(auditOf(news, { action: "stripe.meter_report", detail: report }));
  return store({ status: "processed", error: JSON.stringify(report) }, changes);
}

const tenantOf = (tenant: TenantRow | undefined): Pick<StripeOutcome, "tenantId" | "traceId"> => ({
  tenantId: tenant?.tenantId ?? null,
  traceId: tenant?.traceId ?? null,
});

function auditOf(
  { envelope }: StripeNews,
  change: { action: string; detail: Record<string, unknown>; tenant?: TenantRow | undefined },
): AuditChange {
  return {
    actor: "stripe",
    action: change.action,
    target: `stripe_events/${envelope.id}`,
    ...tenantOf(change.tenant),
    detail: { type: envelope.type, ...change.detail },
  };
}

function store(
  outcome: Pick<StripeOutcome, "status" | "error"> & Partial<StripeOutcome>,
  changes: ChangeSet = emptyChangeSet(),
): StripePlan {
  return { kind: "effect", outcome: { tenantId: null, traceId: null, ...outcome }, changes };
}
