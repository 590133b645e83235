import { isGuardFailure } from "@prego/core/d1-error";
import type { Deps } from "./deps.ts";
import { findAlive } from "./domain/subscription-life.ts";
import { listSubscriptions } from "./execute.ts";
import type { Candidate } from "./plan.ts";
import { ALIVE_ACTION, auditRefusal, findKnownSubscriptions, isRefusalAudited } from "./store/subscriptions.ts";

/** Whether a purge may begin as far as subscriptions go. */
export type SubscriptionCheck =
  | { kind: "ended" }
  | { kind: "subscription_alive"; subscriptions: string[] }
  | { kind: "waiting"; reason: string };

/** Asks the stored rows and Stripe whether any customer of the tenant pays (again), whoever made the subscription. */
export async function checkSubscriptions(deps: Deps, tenantId: string): Promise<SubscriptionCheck> {
  const { customers, listed, elsewhere } = await findKnownSubscriptions(deps.storage, tenantId);
  const stored = findAlive(listed, elsewhere);
  if (stored.length > 0) return { kind: "subscription_alive", subscriptions: stored };
  if (customers.length === 0) return { kind: "ended" };
  const { stripe } = deps;
  if (stripe === undefined) return { kind: "waiting", reason: "STRIPE_SECRET_KEY is not set" };
  try {
    for (const customer of customers) {
      const alive = findAlive(await listSubscriptions(stripe, customer), elsewhere);
      if (alive.length > 0) return { kind: "subscription_alive", subscriptions: alive };
    }
  } catch (error) {
    deps.log("warn", "purge.stripe_not_asked", { error: error instanceof Error ? error.name : "unknown" });
    return { kind: "waiting", reason: "Stripe could not be asked for the customer's subscriptions" };
  }
  return { kind: "ended" };
}

/** Notes once, not every night, that the tenant is not purged because it pays. */
export async function recordRefusal(
  deps: Deps,
  refusal: { candidate: Candidate; subscriptions: readonly string[]; actor: string },
): Promise<void> {
  const { tenantId, traceId, purgeAfter } = refusal.candidate;
  if (await isRefusalAudited(deps.storage, tenantId)) return;
  const entry = await deps.audit({
    actor: refusal.actor,
    action: ALIVE_ACTION,
    target: `tenants_master/${tenantId}`,
    tenantId,
    traceId,
    detail: { deadline: purgeAfter, subscriptions: refusal.subscriptions },
  });
  await auditRefusal(deps.storage, tenantId, entry).catch((error: unknown) => {
    if (!isGuardFailure(error)) throw error;
  });
}
