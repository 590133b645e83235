import { isConfigured, sha256HexOfBytes } from "@prego/core/auth";
import { isConstraintFailure, isGuardFailure } from "@prego/core/d1-error";
import { describeError } from "@prego/core/log";
import { ProblemError } from "@prego/core/problem";
import { commit } from "@prego/core/store";
import { readEnvelope, verifyStripeWebhook, type SubscriptionFields } from "@prego/core/stripe";
import type { Deps } from "./deps.ts";
import { planStripeEffect } from "./domain/stripe-effects.ts";
import { readStripeFact } from "./domain/stripe-fact.ts";
import type { StripeContext, StripeNews, StripeOutcome, StripePlan } from "./domain/stripe-state.ts";
import { newShortId } from "./domain/short-id.ts";
import { PLAN_ATTEMPTS_MAX, STRIPE_QUESTIONS_MAX } from "./limits.ts";
import { changeSetStatements } from "./store/change-set.ts";
import { stripeEventStatement } from "./store/stripe-events.ts";
import { readStripeState } from "./store/stripe-state.ts";

/** What became of a delivery. */
export interface Receipt {
  isDuplicate: boolean;
  /** How the event was stored; undefined for a duplicate. */
  status?: StripeOutcome["status"];
  /** Whether a dispatch waits in the outbox because of it. */
  hasDispatch: boolean;
}

/** Verifies a delivery and applies its event exactly once. */
export async function receiveStripeWebhook(
  deps: Deps,
  delivery: { rawBody: Uint8Array<ArrayBuffer>; header: string | null },
): Promise<Receipt> {
  const { webhookSecret: secret } = deps.settings;
  if (!isConfigured(secret)) {
    throw new ProblemError("not_configured", { detail: "The signing secret of the webhook is not configured." });
  }
  const verified = await verifyStripeWebhook({ ...delivery, secret, nowMs: deps.now() });
  if (!verified.ok) {
    deps.log("warn", "stripe.webhook_refused", { reason: verified.reason, bytes: delivery.rawBody.length });
    throw new ProblemError("signature_invalid");
  }
  const envelope = readEnvelope(verified.event);
  if (envelope === undefined) throw new ProblemError("malformed_request", { detail: "Not a Stripe event." });
  const news = { envelope, fact: readStripeFact(envelope) };
  return applyStripeEvent(deps, news, await sha256HexOfBytes(delivery.rawBody));
}

/**
 * Plans and commits an event until nobody interferes. The event's row is part of the batch: a second copy, however close,
 * finds it or breaks on it.
 */
export async function applyStripeEvent(deps: Deps, news: StripeNews, bodySha256: string): Promise<Receipt> {
  const asked = new Map<string, SubscriptionFields>();
  for (let attempt = 0; attempt < PLAN_ATTEMPTS_MAX; attempt += 1) {
    const plan = await planWithStripe(deps, news, asked);
    if (plan === undefined) return { isDuplicate: true, hasDispatch: false };
    const nowMs = deps.now();
    try {
      await commit(deps.db, [
        stripeEventStatement({ envelope: news.envelope, outcome: plan.outcome, bodySha256, nowMs }),
        ...(await changeSetStatements(deps, plan.changes, nowMs)),
      ]);
      logTrouble(deps, news, plan.outcome);
      return {
        isDuplicate: false,
        status: plan.outcome.status,
        // A job that waits for room has none yet.
        hasDispatch: plan.changes.jobs.some((change) => change.kind === "queue" && change.job.status === "queued"),
      };
    } catch (error) {
      if (!isGuardFailure(error) && !isConstraintFailure(error)) throw error;
      deps.log("info", "stripe.event_replanned", { stripe_event_id: news.envelope.id, error: describeError(error) });
    }
  }
  throw new ProblemError("internal", { detail: "Others kept changing the same rows; send the event again." });
}

/** Undefined for a copy of an event that was stored before. */
async function planWithStripe(
  deps: Deps,
  news: StripeNews,
  asked: Map<string, SubscriptionFields>,
): Promise<(StripePlan & { kind: "effect" }) | undefined> {
  for (let questions = 0; questions <= STRIPE_QUESTIONS_MAX; questions += 1) {
    const nowMs = deps.now();
    const state = await readStripeState(deps.db, news, { nowMs, asked });
    if (state === undefined) return undefined;
    const plan = planStripeEffect(news, state, createContext(deps, nowMs, asked));
    if (plan.kind === "effect") return plan;
    asked.set(plan.subscriptionId, await askStripe(deps, plan.subscriptionId));
  }
  throw new Error("the plan kept asking Stripe");
}

const createContext = (deps: Deps, nowMs: number, asked: ReadonlyMap<string, SubscriptionFields>): StripeContext => ({
  nowMs,
  livemode: deps.settings.livemode,
  newTenant: { tenantId: deps.newId("ten"), shortId: newShortId(deps.randomBytes(10)) },
  newJobIds: { provision: deps.newId("job"), deprovision: deps.newId("job") },
  asked,
});

/** Without an answer nothing is decided: Stripe sends the event again later. */
async function askStripe(deps: Deps, subscriptionId: string): Promise<SubscriptionFields> {
  if (deps.findSubscription === undefined) {
    throw new ProblemError("not_configured", { detail: "The key of Stripe's API is not configured." });
  }
  try {
    return await deps.findSubscription(subscriptionId);
  } catch (error) {
    throw new ProblemError("upstream_failed", { detail: "Stripe could not be asked.", cause: error });
  }
}

/** What was processed or ignored is in the request's own line, in its row and in the trace. */
function logTrouble(deps: Deps, { envelope }: StripeNews, outcome: StripeOutcome): void {
  if (outcome.status !== "failed" && outcome.status !== "quarantined") return;
  deps.log(outcome.status === "failed" ? "error" : "warn", "stripe.event_stored", {
    stripe_event_id: envelope.id,
    type: envelope.type,
    status: outcome.status,
    reason: outcome.error,
    tenant_id: outcome.tenantId,
    trace_id: outcome.traceId,
  });
}
