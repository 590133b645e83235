import { ProblemError } from "@prego/core/problem";
import { commit } from "@prego/core/store";
import { createStripeClient } from "@prego/core/stripe";
import { toProblem } from "./create-tenant.ts";
import type { Deps } from "./deps.ts";
import { metadataOf, type CheckoutForm } from "./domain/checkout-form.ts";
import { toFunnelRow } from "./domain/funnel-event.ts";
import { checkoutKeyOf, digestBody } from "./domain/idempotency.ts";
import { refuseWish, type OfferedPlan } from "./domain/onboarding.ts";
import { traceStatements } from "./store/change-set.ts";
import { funnelStatement } from "./store/funnel-events.ts";
import { readOffer } from "./store/onboarding.ts";

/** A request for a paid tenant; nothing is written about it but that it was made. */
export interface CheckoutRequest {
  form: CheckoutForm;
  successUrl: string;
  traceId: string;
  idempotencyKey: string | undefined;
  /** Key of the fingerprints of addresses. */
  funnelKey: string | undefined;
}

export interface CheckoutSession {
  sessionId: string;
  url: string;
}

/** Creates a session of Stripe's checkout. The tenant is made by the webhook, from the session's metadata. */
export async function createCheckout(deps: Deps, request: CheckoutRequest): Promise<CheckoutSession> {
  const { stripeSecretKey: secretKey } = deps.settings;
  if (secretKey === undefined) {
    throw new ProblemError("not_configured", { detail: "The key of Stripe's API is not configured." });
  }
  const offer = await readOffer(deps.db, request.form, deps.now());
  const refusal = refuseWish(request.form, offer);
  if (refusal !== undefined) throw toProblem(refusal);
  const lineItems = lineItemsOf(offer.plan);
  if (lineItems === undefined) {
    throw new ProblemError("conflict", { detail: "This plan is free: use POST /v1/tenants." });
  }
  const session = await askStripe(deps, request, { secretKey, lineItems });
  await recordSession(deps, request, session);
  return session;
}

async function askStripe(
  deps: Deps,
  request: CheckoutRequest,
  { secretKey, lineItems }: { secretKey: string; lineItems: LineItem[] },
): Promise<CheckoutSession> {
  const { form, traceId, idempotencyKey } = request;
  const stripe = createStripeClient({ secretKey, apiBase: deps.settings.stripeApiBase, fetch: deps.fetch });
  const metadata = metadataOf(form, traceId);
  const params = {
    mode: "subscription" as const,
    line_items: lineItems,
    metadata,
    subscription_data: { metadata },
    success_url: request.successUrl,
    ...(form.cancel_url === undefined ? {} : { cancel_url: form.cancel_url }),
    ...(form.email === undefined ? {} : { customer_email: form.email.trim() }),
  };
  // A caller's key stands for one session, whatever becomes of the plan; without one, what is sent is the key.
  const keyParts = idempotencyKey === undefined ? ["body", await digestBody(params)] : ["key", idempotencyKey];
  try {
    const session = await stripe.checkout.sessions.create(params, { idempotencyKey: await checkoutKeyOf(keyParts) });
    if (session.url !== null) return { sessionId: session.id, url: session.url };
  } catch (error) {
    throw explainStripeError(deps, request, error);
  }
  throw new ProblemError("conflict", { detail: "This checkout is over; start another one with a new key." });
}

interface LineItem {
  price: string;
  quantity?: number;
}

/** What a plan's subscription is made of; Stripe refuses a quantity of a metered price. Undefined for a free plan. */
function lineItemsOf(plan: OfferedPlan | undefined): LineItem[] | undefined {
  if (plan === undefined || plan.stripePriceId === null) return undefined;
  return [{ price: plan.stripePriceId, quantity: 1 }, ...plan.meteredPriceIds.map((price) => ({ price }))];
}

/** Stripe's own message may quote the address, so only its kind and number are logged. */
function explainStripeError(deps: Deps, { traceId, idempotencyKey }: CheckoutRequest, error: unknown): ProblemError {
  const { type, code, requestId } = error as Record<"type" | "code" | "requestId", unknown>;
  deps.log("warn", "checkout.stripe_failed", {
    trace_id: traceId,
    stripe_error: String(type),
    stripe_code: typeof code === "string" ? code : null,
    stripe_request_id: typeof requestId === "string" ? requestId : null,
  });
  if (type === "StripeIdempotencyError" && idempotencyKey !== undefined) {
    return new ProblemError("idempotency_key_reused", {
      detail: "The key came with another request before, or before a new version of the plan.",
    });
  }
  return new ProblemError("upstream_failed", { detail: "Stripe did not create the checkout session." });
}

/** A repeat gets the same session, which is counted once. */
async function recordSession(deps: Deps, request: CheckoutRequest, { sessionId }: CheckoutSession): Promise<void> {
  const { form, traceId, funnelKey } = request;
  const nowMs = deps.now();
  const row = await toFunnelRow(
    {
      event_type: "m_checkout_session_created",
      source: "cp",
      client_event_id: `m_checkout_session_created:${sessionId}`,
      trace_id: traceId,
      email: form.email,
      success: true,
      payload: { stripe_session_id: sessionId, plan_tier: form.plan, region: form.region, slug: form.slug },
    },
    { key: funnelKey, nowMs },
  );
  const payload = { stripe_session_id: sessionId, plan: form.plan, region: form.region };
  await commit(deps.db, [
    funnelStatement([row]),
    ...traceStatements(deps, [{ eventType: "checkout.session_created", traceId, payload }], nowMs),
  ]);
}
