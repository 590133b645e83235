import type { AuditChange } from "@prego/core/audit";
import { emptyChangeSet, type ChangeSet } from "./change-set.ts";
import type { TenantRow } from "./rows.ts";
import type { StripeNews, StripeOutcome, StripePlan } from "./stripe-state.ts";

/** Actor of what an event of Stripe's changes. */
export const STRIPE_ACTOR = "stripe";

/** An event that did what it should, or that had nothing left to do. */
export const storeProcessed = (
  tenant: Pick<TenantRow, "tenantId" | "traceId"> | undefined,
  changes: ChangeSet = emptyChangeSet(),
  note: string | null = null,
): StripePlan => store({ status: "processed", error: note, ...ownerOf(tenant) }, changes);

/** An event that is none of our business. */
export const storeIgnored = (reason: string | null = null): StripePlan =>
  store({ status: "ignored", error: reason, ...ownerOf(undefined) }, emptyChangeSet());

/** An event that can never succeed: answered like any other, kept where an operator sees it. */
export function storeFailure(news: StripeNews, reason: string, traceId: string | null = null): StripePlan {
  const changes = emptyChangeSet();
  changes.audit.push(auditEvent(news, { action: "stripe.event_failed", detail: { reason }, traceId }));
  changes.trace.push({
    eventType: "stripe.event_failed",
    traceId,
    level: "error",
    message: "A payment event could not be applied.",
    payload: { stripe_event_id: news.envelope.id, type: news.envelope.type, reason },
  });
  return store({ status: "failed", error: reason, tenantId: null, traceId }, changes);
}

/** An event of another mode or account. */
export function storeQuarantined(news: StripeNews, reason: string): StripePlan {
  const changes = emptyChangeSet();
  changes.audit.push(auditEvent(news, { action: "stripe.event_quarantined", detail: { reason } }));
  return store({ status: "quarantined", error: reason, ...ownerOf(undefined) }, changes);
}

/** The audit row of an event that changes no row but its own. */
export function auditEvent(
  { envelope, actor }: StripeNews,
  change: {
    action: string;
    detail: Record<string, unknown>;
    tenant?: TenantRow | undefined;
    traceId?: string | null;
  },
): AuditChange {
  return {
    actor: actor ?? STRIPE_ACTOR,
    action: change.action,
    target: `stripe_events/${envelope.id}`,
    ...ownerOf(change.tenant),
    ...(change.traceId === undefined ? {} : { traceId: change.traceId }),
    detail: { type: envelope.type, ...change.detail },
  };
}

const ownerOf = (
  tenant: Pick<TenantRow, "tenantId" | "traceId"> | undefined,
): Pick<StripeOutcome, "tenantId" | "traceId"> => ({
  tenantId: tenant?.tenantId ?? null,
  traceId: tenant?.traceId ?? null,
});

const store = (outcome: StripeOutcome, changes: ChangeSet): StripePlan => ({ kind: "effect", outcome, changes });
