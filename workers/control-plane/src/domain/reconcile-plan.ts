import type { SubscriptionFields } from "@prego/core/stripe";
import type { SubscriptionRow, TenantRow } from "./rows.ts";
import { findHeir, isWithoutSubscription } from "./customer-link.ts";
import { isEnded, periodAndPrices } from "./subscription-merge.ts";

/** What we hold about one of Stripe's subscriptions. */
export interface KnownSubscription {
  row: SubscriptionRow | undefined;
  tenant: TenantRow | undefined;
  /** Tenant of its customer. */
  customerTenant?: TenantRow | undefined;
}

/** In what we differ from Stripe. */
export type Difference =
  | "unknown_here"
  | "status"
  | "current_period_start"
  | "current_period_end"
  | "price"
  | "prices"
  | "customer"
  | "tenant_follows"
  | "tenant_link";

/**
 * What to do about a subscription: nothing (`same`, `foreign` to this product, `over` before we knew it, its tenant `gone`),
 * or take Stripe's state, or find the checkout that names its tenant, or both.
 */
export type ReconcileStep =
  | { kind: "same" | "foreign" | "over" | "gone" }
  | { kind: "repair"; differences: Difference[]; takesState: boolean; findsCheckout: boolean };

/** Compares Stripe's state with ours. The repair itself is planned by the code that plans a subscription's events. */
export function planReconcile(stripe: SubscriptionFields, known: KnownSubscription): ReconcileStep {
  const { row, tenant, customerTenant } = known;
  const ended = isEnded(stripe.status);
  if (tenant !== undefined && (tenant.status === "Purging" || tenant.status === "Purged")) return { kind: "gone" };
  const heir = tenant === undefined ? findHeir(stripe, customerTenant) : undefined;
  const isJoining = heir !== undefined && isWithoutSubscription(heir);
  const isOurs = tenant !== undefined || row !== undefined || isJoining || stripe.metadata["slug"] !== undefined;
  if (!isOurs) return { kind: "foreign" };
  // The rows of a purged tenant are erased and must not come back with its ended subscription.
  if (row === undefined && tenant === undefined && ended) return { kind: "over" };

  const differences = compareState(stripe, row);
  if (tenant !== undefined && row !== undefined && (isAdrift(tenant, row) || row.tenantId !== tenant.tenantId)) {
    differences.push("tenant_follows");
  }
  if (isJoining) differences.push("tenant_link");
  const takesState = differences.length > 0;
  const findsCheckout = tenant === undefined && !isJoining && !ended && stripe.metadata["slug"] !== undefined;
  if (findsCheckout) differences.push("tenant_link");
  return differences.length === 0 ? { kind: "same" } : { kind: "repair", differences, takesState, findsCheckout };
}

/** What is unknown here counts as different, so that rows from before a column are filled. */
function compareState(stripe: SubscriptionFields, row: SubscriptionRow | undefined): Difference[] {
  if (row === undefined) return ["unknown_here"];
  const { currentPeriodStart, currentPeriodEnd, priceIds } = periodAndPrices(stripe);
  return [
    ...(row.status === stripe.status ? [] : (["status"] as const)),
    ...(row.currentPeriodStart === currentPeriodStart ? [] : (["current_period_start"] as const)),
    ...(row.currentPeriodEnd === currentPeriodEnd ? [] : (["current_period_end"] as const)),
    ...(row.priceId === (stripe.priceId ?? null) ? [] : (["price"] as const)),
    ...(row.priceIds === priceIds ? [] : (["prices"] as const)),
    ...(row.customerId === stripe.customerId ? [] : (["customer"] as const)),
  ];
}

/** Whether a tenant's copy of its subscription is not what the subscription's row says. */
export const isAdrift = (tenant: TenantRow, row: SubscriptionRow): boolean =>
  tenant.subscriptionStatus !== row.status || tenant.currentPeriodEnd !== row.currentPeriodEnd;

/** Stripe's clock and ours may differ by this much, as for a webhook's timestamp. */
const CLOCK_SECONDS = 300;

/**
 * The second for which a fetched state counts: so early that no later event is older by Stripe's clock. Where a newer state
 * is known it counts for that second, and the planner asks Stripe once more.
 */
export const stateAsOf = (fetchedAtMs: number, row: SubscriptionRow | undefined): number =>
  Math.max(Math.floor(fetchedAtMs / 1_000) - CLOCK_SECONDS, row?.stateAsOf ?? 0);
