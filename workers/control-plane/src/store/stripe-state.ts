import { sql, type SQL } from "drizzle-orm";
import { isTenantId } from "@prego/core/id";
import { formatInstant } from "@prego/core/period";
import { stripeSubscriptions, tenantsMaster } from "@prego/core/schema";
import { columnsOf, readTogether, type Database } from "@prego/core/store";
import type { SubscriptionFields } from "@prego/core/stripe";
import { regionOfPurchase } from "../domain/checkout-effect.ts";
import type { SubscriptionRow, TenantRow } from "../domain/rows.ts";
import type { StripeFact } from "../domain/stripe-fact.ts";
import type { StripeNews, StripeState } from "../domain/stripe-state.ts";
import { selectNodeRoom } from "./nodes.ts";
import { selectOpenJobs } from "./provision-jobs.ts";
import { selectStripeEvent } from "./stripe-events.ts";

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

/** Everything a reader is told. */
interface Reading<Kind extends StripeFact["kind"]> {
  eventId: string;
  fact: StripeFact & { kind: Kind };
  nowMs: number;
  /** Stripe's answers by subscription id. */
  asked: ReadonlyMap<string, SubscriptionFields>;
}

/**
 * Reads in one round what is known about the things an event names; undefined when the event itself was stored before. It
 * may be outdated when the batch is written: that is guarded.
 */
export async function readStripeState(
  db: Database,
  { envelope: { id: eventId }, fact }: StripeNews,
  context: { nowMs: number; asked: ReadonlyMap<string, SubscriptionFields> },
): Promise<StripeState | undefined> {
  switch (fact.kind) {
    case "checkout":
      return readCheckoutState(db, { eventId, fact, ...context });
    case "subscription":
      return readSubscriptionState(db, { eventId, fact, ...context });
    case "invoice":
      return readTenantState(db, eventId, sql`stripe_subscription_id = ${fact.subscriptionId ?? ""}`);
    case "charge":
      return readTenantState(db, eventId, sql`stripe_customer_id = ${fact.customerId ?? ""}`);
    case "meter_report":
    case "ignored":
    case "unreadable": {
      const [copies] = await readTogether(db, [selectStripeEvent(eventId)]);
      return copies.length > 0 ? undefined : NOTHING;
    }
  }
}

async function readTenantState(db: Database, eventId: string, isNamed: SQL): Promise<StripeState | undefined> {
  const [copies, tenants] = await readTogether(db, [selectStripeEvent(eventId), selectTenants(isNamed)]);
  return copies.length > 0 ? undefined : { ...NOTHING, tenant: tenants[0] };
}

async function readCheckoutState(
  db: Database,
  { eventId, fact: { session }, nowMs }: Reading<"checkout">,
): Promise<StripeState | undefined> {
  const { metadata, subscriptionId = "", customerId = "" } = session;
  const named = metadata as Record<string, string | undefined>;
  const { slug = "", plan = "", region = "", tenant_id: tenantId = "" } = named;
  const ofSlug = (column: SQL): SQL => sql`(SELECT ${column} FROM tenants_master WHERE slug = ${slug})`;
  const [copies, subscriptions, tenants, knownPlans, openJobs, planRows, nodesThere, nodesOfTenant] =
    await readTogether(db, [
      selectStripeEvent(eventId),
      selectSubscription(subscriptionId),
      selectTenants(sql`tenant_id = ${isTenantId(tenantId) ? tenantId : ""} OR slug = ${slug}
        OR stripe_customer_id = ${customerId} OR stripe_subscription_id = ${subscriptionId}`),
      sql`SELECT 1 FROM plans WHERE plan_id = ${plan} AND effective_from <= ${formatInstant(nowMs)} LIMIT 1`,
      selectOpenJobs(ofSlug(TENANT_ID)),
      selectPlansByPrice(isPriceOf(subscriptionId, []), nowMs),
      selectNodeRoom(region),
      selectNodeRoom(ofSlug(REGION)),
    ]);
  if (copies.length > 0) return undefined;
  const slugTenant = tenants.find((tenant) => tenant.slug === slug);
  return {
    subscription: subscriptions[0],
    tenant: tenants.find((tenant) => tenant.stripeSubscriptionId === subscriptionId),
    claimedTenant: tenants.find((tenant) => tenant.tenantId === tenantId),
    slugTenant,
    customerTenant: tenants.find((tenant) => tenant.stripeCustomerId === customerId),
    isPlanKnown: knownPlans.length > 0,
    openJobs,
    nodes: regionOfPurchase(region, slugTenant) === region ? nodesThere : nodesOfTenant,
    planIdByPrice: toPlanMap(planRows),
  };
}

/** The tenant is the one that has the subscription, else its customer's. */
async function readSubscriptionState(
  db: Database,
  { eventId, fact, nowMs, asked }: Reading<"subscription">,
): Promise<StripeState | undefined> {
  const { id, customerId, priceId } = fact.subscription;
  const ofFollower = (column: SQL): SQL =>
    sql`(SELECT ${column} FROM tenants_master WHERE stripe_subscription_id = ${id} OR stripe_customer_id = ${customerId}
      ORDER BY stripe_subscription_id IS ${id} DESC LIMIT 1)`;
  const prices = [priceId, asked.get(id)?.priceId].filter((price) => price !== undefined);
  const [copies, subscriptions, tenants, openJobs, planRows, nodes] = await readTogether(db, [
    selectStripeEvent(eventId),
    selectSubscription(id),
    selectTenants(sql`stripe_subscription_id = ${id} OR stripe_customer_id = ${customerId}`),
    selectOpenJobs(ofFollower(TENANT_ID)),
    selectPlansByPrice(isPriceOf(id, prices), nowMs),
    selectNodeRoom(ofFollower(REGION)),
  ]);
  if (copies.length > 0) return undefined;
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

const TENANT = columnsOf(tenantsMaster);
const SUBSCRIPTION = columnsOf(stripeSubscriptions);
const TENANT_ID = sql.raw("tenant_id");
const REGION = sql.raw("region");

const selectTenants = (condition: SQL): SQL<TenantRow> => sql`SELECT ${TENANT} FROM tenants_master WHERE ${condition}`;

const selectSubscription = (subscriptionId: string): SQL<SubscriptionRow> =>
  sql`SELECT ${SUBSCRIPTION} FROM stripe_subscriptions WHERE subscription_id = ${subscriptionId}`;

/** Whether a plan's price is one of those given, or the one that the subscription is known to have. */
const isPriceOf = (subscriptionId: string, prices: readonly string[]): SQL =>
  sql`stripe_price_id IN (SELECT value FROM json_each(${JSON.stringify(prices)})
    UNION SELECT price_id FROM stripe_subscriptions WHERE subscription_id = ${subscriptionId})`;

interface PricedPlan {
  price: string;
  planId: string;
}

const selectPlansByPrice = (isOfPrices: SQL, nowMs: number): SQL<PricedPlan> =>
  sql`SELECT stripe_price_id AS price, plan_id AS "planId" FROM plans
    WHERE ${isOfPrices} AND effective_from <= ${formatInstant(nowMs)} ORDER BY effective_from DESC, version DESC`;

/** The newest plan wins where several have one price. */
const toPlanMap = (rows: readonly PricedPlan[]): ReadonlyMap<string, string> =>
  new Map(rows.toReversed().map(({ price, planId }) => [price, planId]));
