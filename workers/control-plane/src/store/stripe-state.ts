import { and, desc, eq, inArray, lte, or } from "drizzle-orm";
import { isTenantId } from "@prego/core/id";
import { formatInstant } from "@prego/core/period";
import { plans, stripeSubscriptions, tenantsMaster } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import type { SubscriptionFields } from "@prego/core/stripe";
import { regionOfPurchase } from "../domain/checkout-effect.ts";
import type { TenantRow } from "../domain/rows.ts";
import type { StripeFact } from "../domain/stripe-fact.ts";
import type { StripeState } from "../domain/stripe-state.ts";
import { listNodeRoom } from "./nodes.ts";
import { listOpenJobs } from "./provision-jobs.ts";

const NOTHING: StripeState = {
  subscription: undefined,
  tenant: undefined,
  claimedTenant: undefined,
  slugTenant: undefined,
  customerTenant: undefined,
  openJobs: [],
  nodes: [],
  isPlanKnown: false,
  planIdByPrice: new Map(),
};

/** Reads what is known about the things an event names. It may be outdated when the batch is written: that is guarded. */
export async function readStripeState(
  db: Database,
  fact: StripeFact,
  context: { nowMs: number; asked: ReadonlyMap<string, SubscriptionFields> },
): Promise<StripeState> {
  switch (fact.kind) {
    case "checkout":
      return readCheckoutState(db, fact, context.nowMs);
    case "subscription":
      return readSubscriptionState(db, fact, context);
    case "invoice":
      return { ...NOTHING, tenant: await findTenantOfSubscription(db, fact.subscriptionId) };
    case "charge":
      return { ...NOTHING, tenant: await findTenantOfCustomer(db, fact.customerId) };
    case "meter_report":
    case "ignored":
    case "unreadable":
      return NOTHING;
  }
}

async function readCheckoutState(
  db: Database,
  { session }: StripeFact & { kind: "checkout" },
  nowMs: number,
): Promise<StripeState> {
  const { metadata, subscriptionId = "", customerId = "" } = session;
  const { slug = "", plan = "", tenant_id: tenantId = "" } = metadata as Record<string, string | undefined>;
  const [subscriptions, tenants, knownPlans] = await db.batch([
    db.select().from(stripeSubscriptions).where(eq(stripeSubscriptions.subscriptionId, subscriptionId)),
    db
      .select()
      .from(tenantsMaster)
      .where(
        or(
          eq(tenantsMaster.tenantId, isTenantId(tenantId) ? tenantId : ""),
          eq(tenantsMaster.slug, slug),
          eq(tenantsMaster.stripeCustomerId, customerId),
          eq(tenantsMaster.stripeSubscriptionId, subscriptionId),
        ),
      ),
    db
      .select({ planId: plans.planId })
      .from(plans)
      .where(and(eq(plans.planId, plan), lte(plans.effectiveFrom, formatInstant(nowMs))))
      .limit(1),
  ]);
  const slugTenant = tenants.find((tenant) => tenant.slug === slug);
  const region = regionOfPurchase(metadata["region"], slugTenant);
  return {
    subscription: subscriptions[0],
    tenant: tenants.find((tenant) => tenant.stripeSubscriptionId === subscriptionId),
    claimedTenant: tenants.find((tenant) => tenant.tenantId === tenantId),
    slugTenant,
    customerTenant: tenants.find((tenant) => tenant.stripeCustomerId === customerId),
    isPlanKnown: knownPlans.length > 0,
    ...(await readSurroundings(db, { tenant: slugTenant, region, prices: [subscriptions[0]?.priceId], nowMs })),
  };
}

async function readSubscriptionState(
  db: Database,
  { subscription }: StripeFact & { kind: "subscription" },
  { nowMs, asked }: { nowMs: number; asked: ReadonlyMap<string, SubscriptionFields> },
): Promise<StripeState> {
  const [subscriptions, tenants] = await db.batch([
    db.select().from(stripeSubscriptions).where(eq(stripeSubscriptions.subscriptionId, subscription.id)),
    db
      .select()
      .from(tenantsMaster)
      .where(
        or(
          eq(tenantsMaster.stripeSubscriptionId, subscription.id),
          eq(tenantsMaster.stripeCustomerId, subscription.customerId),
        ),
      ),
  ]);
  const tenant = tenants.find(({ stripeSubscriptionId: id }) => id === subscription.id);
  const customerTenant = tenants.find(({ stripeCustomerId: id }) => id === subscription.customerId);
  const follower = tenant ?? customerTenant;
  const prices = [subscription.priceId, asked.get(subscription.id)?.priceId, subscriptions[0]?.priceId];
  const surroundings = await readSurroundings(db, { tenant: follower, region: follower?.region, prices, nowMs });
  return { ...NOTHING, subscription: subscriptions[0], tenant, customerTenant, ...surroundings };
}

async function readSurroundings(
  db: Database,
  about: {
    tenant: TenantRow | undefined;
    region: string | undefined;
    prices: readonly (string | null | undefined)[];
    nowMs: number;
  },
): Promise<Pick<StripeState, "openJobs" | "nodes" | "planIdByPrice">> {
  const prices = about.prices.filter((price) => price !== undefined && price !== null);
  const [openJobs, nodes, planIdByPrice] = await Promise.all([
    about.tenant === undefined ? [] : listOpenJobs(db, about.tenant.tenantId),
    about.region === undefined ? [] : listNodeRoom(db, about.region),
    readPlansByPrice(db, prices, about.nowMs),
  ]);
  return { openJobs, nodes, planIdByPrice };
}

/** The newest plan wins where several have one price. */
export async function readPlansByPrice(
  db: Database,
  prices: readonly string[],
  nowMs: number,
): Promise<ReadonlyMap<string, string>> {
  if (prices.length === 0) return new Map();
  const rows = await db
    .select({ price: plans.stripePriceId, planId: plans.planId })
    .from(plans)
    .where(and(inArray(plans.stripePriceId, [...prices]), lte(plans.effectiveFrom, formatInstant(nowMs))))
    .orderBy(desc(plans.effectiveFrom), desc(plans.version));
  return new Map(rows.toReversed().flatMap(({ price, planId }) => (price === null ? [] : [[price, planId]])));
}

async function findTenantOfSubscription(db: Database, subscriptionId = ""): Promise<TenantRow | undefined> {
  return (await db.select().from(tenantsMaster).where(eq(tenantsMaster.stripeSubscriptionId, subscriptionId)))[0];
}

async function findTenantOfCustomer(db: Database, customerId = ""): Promise<TenantRow | undefined> {
  return (await db.select().from(tenantsMaster).where(eq(tenantsMaster.stripeCustomerId, customerId)))[0];
}
