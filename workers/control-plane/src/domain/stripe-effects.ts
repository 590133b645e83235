import { emptyChangeSet } from "./change-set.ts";
import { planCheckout } from "./checkout-effect.ts";
import type { TenantRow } from "./rows.ts";
import type { StripeFact } from "./stripe-fact.ts";
import { auditEvent, storeFailure, storeIgnored, storeProcessed, storeQuarantined } from "./stripe-outcome.ts";
import type { StripeContext, StripeNews, StripePlan, StripeState } from "./stripe-state.ts";
import { planSubscription } from "./subscription-effect.ts";

/**
 * What a verified event changes, as a value. It depends on what is known and on Stripe's objects, never on the order of
 * arrival: a tenant is a function of {checkout seen, provisioned, newest known subscription state}.
 */
export function planStripeEffect(news: StripeNews, state: StripeState, context: StripeContext): StripePlan {
  const { envelope, fact } = news;
  if (envelope.livemode !== context.livemode) return storeQuarantined(news, "livemode_mismatch");
  if (envelope.isForeign) return storeQuarantined(news, "foreign_account");
  switch (fact.kind) {
    case "ignored":
      return storeIgnored();
    case "unreadable":
      return storeFailure(news, fact.reason);
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

type Invoice = StripeFact & { kind: "invoice" };
type Charge = StripeFact & { kind: "charge" };

function recordInvoice(news: StripeNews, fact: Invoice, tenant: TenantRow | undefined): StripePlan {
  const changes = emptyChangeSet();
  const action = `invoice.${fact.outcome}`;
  const detail = { invoice: fact.objectId ?? null, subscription: fact.subscriptionId ?? null };
  changes.audit.push(auditEvent(news, { action, detail, tenant }));
  changes.trace.push({
    eventType: action,
    traceId: tenant?.traceId ?? null,
    tenantId: tenant?.tenantId ?? null,
    level: fact.outcome === "paid" ? "info" : "warn",
    payload: detail,
  });
  return storeProcessed(tenant, changes);
}

function recordCharge(news: StripeNews, fact: Charge, tenant: TenantRow | undefined): StripePlan {
  const changes = emptyChangeSet();
  const detail = { object: fact.objectId ?? null };
  changes.audit.push(auditEvent(news, { action: `charge.${fact.outcome}`, detail, tenant }));
  return storeProcessed(tenant, changes);
}

/** Whoever sent the usage fetches the report later; what it takes to find it is kept with the event. */
function recordMeterReport(news: StripeNews, meterId: string | undefined): StripePlan {
  const changes = emptyChangeSet();
  const report = { meter: meterId ?? null, type: news.envelope.type };
  changes.audit.push(auditEvent(news, { action: "stripe.meter_report", detail: report }));
  return storeProcessed(undefined, changes, JSON.stringify(report));
}
