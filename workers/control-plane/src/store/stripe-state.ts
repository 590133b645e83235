import { and, desc, eq, inArray, lte, or, sql, type SQL } from "drizzle-orm";
import { isTenantId } from "@prego/core/id";
import { formatInstant } from "@prego/core/period";
import { plans, stripeSubscriptions, tenantsMaster } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import type { SubscriptionFields } from "@prego/core/stripe";
import { regionOfPurchase } from "../domain/checkout-effect.ts";
import type { NodeRoom } from "../domain/placement.ts";
import type { TenantRow } from "../domain/rows.ts";
import type { StripeFact } from "../domain/stripe-fact.ts";
import type { StripeState } from "../domain/stripe-state.ts";
import { listNodeRoom, selectNodeRoom } from "./nodes.ts";
import { listOpenJobs, selectOpenJobs } from "./provision-jobs.ts";

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

/** In one round: every event of a subscription waits for it. The tenant is the one that has it, else its customer's. */
async function readSubscriptionState(
  db: Database,
  { subscription }: StripeFact & { kind: "subscription" },
  { nowMs, asked }: { nowMs: number; asked: ReadonlyMap<string, SubscriptionFields> },
): Promise<StripeState> {
  const { id, customerId } = subscription;
  const followerOf = (column: "tenant_id" | "region"): SQL =>
    sql`(SELECT ${sql.raw(column)} FROM tenants_master WHERE stripe_subscription_id = ${id} OR stripe_customer_id = ${customerId}
      ORDER BY stripe_subscription_id IS ${id} DESC LIMIT 1)`;
  const prices = [subscription.priceId, asked.get(id)?.priceId].filter((price) => price !== undefined);
  const rows = db.batch([
    db.select().from(stripeSubscriptions).where(eq(stripeSubscriptions.subscriptionId, id)),
    db
      .select()
      .from(tenantsMaster)
      .where(or(eq(tenantsMaster.stripeSubscriptionId, id), eq(tenantsMaster.stripeCustomerId, customerId))),
    selectOpenJobs(db, followerOf("tenant_id")),
    selectPlansByPrice(
      db,
      sql`${plans.stripePriceId} IN (SELECT value FROM json_each(${JSON.stringify(prices)})
        UNION SELECT price_id FROM stripe_subscriptions WHERE subscription_id = ${id})`,
      nowMs,
    ),
  ]);
  const [[subscriptions, tenants, openJobs, planRows], nodes] = await Promise.all([
    rows,
    db.all<NodeRoom>(selectNodeRoom(followerOf("region"))),
  ]);
  return {
    ...NOTHING,
    subscription: subscriptions[0],
    tenant: tenants.find(({ stripeSubscriptionId }) => stripeSubscriptionId === id),
    customerTenant: tenants.find(({ stripeCustomerId }) => stripeCustomerId === customerId),
    openJobs,
    nodes,
    planIdByPrice: toPlanMap(planRows),
  };
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
  return toPlanMap(await selectPlansByPrice(db, inArray(plans.stripePriceId, [...prices]), nowMs));
}

const selectPlansByPrice = (db: Database, isOfPrices: SQL, nowMs: number) =>
  db
    .select({ price: plans.stripePriceId, planId: plans.planId })
    .from(plans)
    .where(and(isOfPrices, lte(plans.effectiveFrom, formatInstant(nowMs))))
    .orderBy(desc(plans.effectiveFrom), desc(plans.version));

const toPlanMap = (rows: readonly { price: string | null; planId: string }[]): ReadonlyMap<string, string> =>
  new Map(rows.toReversed().flatMap(({ price, planId }) => (price === null ? [] : [[price, planId]])));

async function findTenantOfSubscription(db: Database, subscriptionId = ""): Promise<TenantRow | undefined> {
  return (await db.select().from(tenantsMaster).where(eq(tenantsMaster.stripeSubscriptionId, subscriptionId)))[0];
}

async function findTenantOfCustomer(db: Database, customerId = ""): Promise<TenantRow | undefined> {
  return (await db.select().from(tenantsMaster).where(eq(tenantsMaster.stripeCustomerId, customerId)))[0];
}
