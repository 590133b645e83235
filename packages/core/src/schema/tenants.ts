import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, int64 } from "./columns.ts";

/** A thing that is counted. Written by migrations and the operator API. */
export const meters = sqliteTable("meters", {
  /** `^[a-z][a-z0-9_.]{0,63}$`, such as `api_requests`. */
  meterKey: text("meter_key").primaryKey(),
  /** Name shown to people. */
  displayName: text("display_name").notNull(),
  /** Unit of one whole quantity, such as `request` or `GB`. */
  unit: text("unit").notNull(),
  /** How events of an hour and hours of a cycle combine; `unique` counts the distinct values of a cycle. */
  aggregation: text("aggregation", { enum: ["sum", "count", "max", "last", "unique"] }).notNull(),
  /** Property of a CloudEvent's `data` that holds the quantity, or the value of a `unique` meter; null means `value`. */
  valueProperty: text("value_property"),
  createdAt: instant("created_at").notNull(),
});

/** A version of a plan. A version in use is never edited, only superseded by the next. */
export const plans = sqliteTable(
  "plans",
  {
    /** Stable name, such as `starter`. */
    planId: text("plan_id").notNull(),
    /** 1 and up; the newest whose `effective_from` has come applies. */
    version: integer("version").notNull(),
    /** Name shown to people. */
    name: text("name").notNull(),
    /** Lower-case ISO 4217 code of every amount of this plan. */
    currency: text("currency").notNull(),
    /** How overage reaches Stripe: quantity to a billing meter, or an amount that we priced. */
    billingMode: text("billing_mode", { enum: ["meter_event", "invoice_item"] }).notNull(),
    /** Allowance shared by all meters with a `pool_weight`, in weighted micro-units; null means no pool. */
    poolIncluded: int64("pool_included"),
    /** Stripe price whose subscription means this plan. */
    stripePriceId: text("stripe_price_id"),
    /** First instant at which this version applies. */
    effectiveFrom: instant("effective_from").notNull(),
    createdAt: instant("created_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.planId, table.version] })],
);

/** What one version of a plan includes and charges for one meter. */
export const planMeters = sqliteTable(
  "plan_meters",
  {
    planId: text("plan_id").notNull(),
    version: integer("version").notNull(),
    meterKey: text("meter_key").notNull(),
    /** Allowance of a cycle in micro-units. */
    included: int64("included").notNull(),
    /** A `Price` of `@prego/core/pricing` as JSON; applies to the overage. */
    priceJson: text("price_json").notNull(),
    /** Decimal weight of one unit in the plan's pool; null means the meter is not pooled. */
    poolWeight: text("pool_weight"),
    /** `event_name` of the Stripe billing meter for plans in mode `meter_event`. */
    stripeEventName: text("stripe_event_name"),
    /** Metered price by which Stripe bills that meter; null when nobody said. */
    stripePriceId: text("stripe_price_id"),
  },
  (table) => [primaryKey({ columns: [table.planId, table.version, table.meterKey] })],
);

/** One customer of the SaaS. Written by control-plane; purge-job moves it to `Purging` and `Purged`. */
export const tenantsMaster = sqliteTable("tenants_master", {
  /** `^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`; generated ones are `ten_` + ULID. */
  tenantId: text("tenant_id").primaryKey(),
  /** The customer's own DNS label; replaced by `purged-…` when purged. */
  slug: text("slug").notNull().unique(),
  /** Part of the canonical host `tenant-{short_id}`. */
  shortId: text("short_id").notNull().unique(),
  /** Name shown to people; personal data, null once purged. */
  name: text("name"),
  type: text("type", { enum: ["standard", "platform_service"] }).notNull(),
  /** Plan in force. */
  planId: text("plan_id").notNull(),
  /** State of `@prego/core/tenant-state`. */
  status: text("status", {
    enum: [
      "Pending_Payment",
      "Provisioning",
      "Active",
      "Past_Due",
      "Suspended",
      "Pending_Deletion",
      "Purging",
      "Purged",
    ],
  }).notNull(),
  statusChangedAt: instant("status_changed_at").notNull(),
  /** When provisioning last succeeded; null before, and again after a deprovision. */
  provisionedAt: instant("provisioned_at"),
  /** Region whose nodes run the tenant. */
  region: text("region").notNull(),
  /** Node that runs the tenant; null before placement. */
  nodeId: text("node_id"),
  stripeCustomerId: text("stripe_customer_id").unique(),
  stripeSubscriptionId: text("stripe_subscription_id").unique(),
  /** Stripe's own word for the subscription, such as `past_due`. */
  subscriptionStatus: text("subscription_status"),
  currentPeriodEnd: instant("current_period_end"),
  /** Trace id of the journey that made the tenant. */
  traceId: text("trace_id"),
  /** When the tenant became `Pending_Deletion`; null otherwise. */
  pendingDeletionAt: instant("pending_deletion_at"),
  /** Purge is due after this instant; null or malformed means never. */
  purgeAfter: instant("purge_after"),
  /** 1 forbids every purge step. */
  legalHold: integer("legal_hold").notNull().default(0),
  createdAt: instant("created_at").notNull(),
  updatedAt: instant("updated_at").notNull(),
});

/** Which plan a tenant was said to have, and since when. Append-only; written by control-plane with every change of a plan. */
export const tenantPlans = sqliteTable(
  "tenant_plans",
  {
    tenantId: text("tenant_id").notNull(),
    /** Stripe's time of the change; the first row of a tenant covers all time before it too. */
    effectiveFrom: instant("effective_from").notNull(),
    /** Order of recording within one instant, 0 and up: the last one counts. */
    ordinal: integer("ordinal").notNull(),
    planId: text("plan_id").notNull(),
    /** Id of the Stripe event that said so; `signup` or `backfill`. */
    source: text("source").notNull(),
    recordedAt: instant("recorded_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.effectiveFrom, table.ordinal] })],
);

/** Every Stripe event received, written in the same batch as its effect. */
export const stripeEvents = sqliteTable("stripe_events", {
  /** Stripe's `evt_…`; a second copy finds it here and does nothing. */
  eventId: text("event_id").primaryKey(),
  type: text("type").notNull(),
  /** 1 for live mode. */
  livemode: integer("livemode").notNull(),
  /** Stripe's creation time, epoch seconds. */
  created: integer("created").notNull(),
  receivedAt: instant("received_at").notNull(),
  /** SHA-256 of the raw body, hex. */
  bodySha256: text("body_sha256").notNull(),
  status: text("status", { enum: ["processed", "ignored", "quarantined", "failed"] }).notNull(),
  attempts: integer("attempts").notNull().default(1),
  /** Reason of a quarantine or failure. */
  error: text("error"),
  tenantId: text("tenant_id"),
  traceId: text("trace_id"),
});

/** Newest known state of each subscription, kept also while its tenant is not known yet. */
export const stripeSubscriptions = sqliteTable("stripe_subscriptions", {
  subscriptionId: text("subscription_id").primaryKey(),
  customerId: text("customer_id").notNull(),
  /** Null until a checkout names the tenant. */
  tenantId: text("tenant_id"),
  status: text("status").notNull(),
  currentPeriodEnd: instant("current_period_end"),
  /** Price that stands for the plan: of the items the first that is not metered. */
  priceId: text("price_id"),
  /** Epoch seconds at which Stripe held this state; an older event never overwrites it. */
  stateAsOf: integer("state_as_of").notNull(),
  updatedAt: instant("updated_at").notNull(),
  /** When the period began that Stripe invoices next; null while no event said so. */
  currentPeriodStart: instant("current_period_start"),
  /** Prices of all its items, sorted, as a JSON array; null while no event said so. */
  priceIds: text("price_ids"),
});
