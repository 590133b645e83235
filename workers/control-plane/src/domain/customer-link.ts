import { eventForSubscription } from "@prego/core/tenant-state";
import type { SubscriptionFields } from "@prego/core/stripe";
import type { TenantRow } from "./rows.ts";
import { isEnded } from "./subscription-merge.ts";

/**
 * The tenant of a subscription's customer, if that subscription is its next one: it runs, and no checkout says that it is for
 * another tenant. Whether the tenant's own has ended is another question.
 */
export function findHeir(
  { status, metadata }: Pick<SubscriptionFields, "status" | "metadata">,
  customerTenant: TenantRow | undefined,
): TenantRow | undefined {
  if (customerTenant === undefined) return undefined;
  const { slug, status: state } = customerTenant;
  const isMeant = metadata["slug"] === undefined || metadata["slug"] === slug;
  const runs = !isEnded(status) && eventForSubscription(status) !== undefined;
  return isMeant && runs && state !== "Purging" && state !== "Purged" ? customerTenant : undefined;
}

/** Whether a tenant, as far as is known, has no subscription that still runs. */
export const isWithoutSubscription = (tenant: TenantRow): boolean =>
  tenant.stripeSubscriptionId === null || isEnded(tenant.subscriptionStatus ?? "unknown");
