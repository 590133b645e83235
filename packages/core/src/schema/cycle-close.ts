import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, int64 } from "./columns.ts";

/** The close of one cycle, with its two bounds. Written by cycle-close. */
export const cycleRuns = sqliteTable("cycle_runs", {
  /** `2026-10`. */
  cycle: text("cycle").primaryKey(),
  /** `waiting` for late writers and the aggregator, `closing` tenants, `sending` the outbox, `closed`. */
  status: text("status", { enum: ["waiting", "closing", "sending", "closed"] }).notNull(),
  /** Event time before this instant belongs to the cycle. */
  eventTimeBound: instant("event_time_bound").notNull(),
  /** Objects with a `usage_objects.seq` up to this belong to the close; null while waiting. */
  storedSeqBound: integer("stored_seq_bound"),
  tenantsPlanned: integer("tenants_planned").notNull().default(0),
  tenantsClosed: integer("tenants_closed").notNull().default(0),
  /** Last tenant id closed in order, where the next run carries on. */
  tenantCursor: text("tenant_cursor"),
  openedAt: instant("opened_at").notNull(),
  boundedAt: instant("bounded_at"),
  closedAt: instant("closed_at"),
  traceId: text("trace_id"),
  reportJson: text("report_json"),
});

/** What one tenant used and owes for one meter in one cycle. Written once, by cycle-close. */
export const usageCycleTotals = sqliteTable(
  "usage_cycle_totals",
  {
    tenantId: text("tenant_id").notNull(),
    meterKey: text("meter_key").notNull(),
    /** Cycle whose close bills the line. */
    cycle: text("cycle").notNull(),
    /** Equal to `cycle`, or the closed cycle that late usage corrects. */
    correctedCycle: text("corrected_cycle").notNull(),
    /** First hour of the part of the corrected cycle; empty when that cycle has one part only. */
    part: text("part").notNull().default(""),
    /** Quantity, allowance and quantity above it, in micro-units. */
    qty: int64("qty").notNull(),
    included: int64("included").notNull(),
    overage: int64("overage").notNull(),
    /** Price of the overage in minor units of `currency`. */
    amountMinor: int64("amount_minor").notNull(),
    currency: text("currency").notNull(),
    /** Plan version and price that were applied, JSON. */
    planSnapshotJson: text("plan_snapshot_json").notNull(),
    /** SHA-256 over the rollup rows behind the total, hex. */
    rollupDigest: text("rollup_digest").notNull(),
    closedAt: instant("closed_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.meterKey, table.cycle, table.correctedCycle, table.part] })],
);

/** What Stripe must be told, with the stored time of the intent. Written by cycle-close. */
export const stripeUsageOutbox = sqliteTable(
  "stripe_usage_outbox",
  {
    tenantId: text("tenant_id").notNull(),
    meterKey: text("meter_key").notNull(),
    cycle: text("cycle").notNull(),
    correctedCycle: text("corrected_cycle").notNull(),
    /** As in `usage_cycle_totals`. */
    part: text("part").notNull().default(""),
    mode: text("mode", { enum: ["meter_event", "invoice_item"] }).notNull(),
    /** Derived from tenant, meter, cycle, corrected cycle and part; Stripe's identifier and idempotency key. */
    identifier: text("identifier").notNull().unique(),
    /** Arguments of the call, JSON. */
    payloadJson: text("payload_json").notNull(),
    status: text("status", { enum: ["pending", "sent", "rejected", "failed"] }).notNull(),
    /** When the first call was about to be made; a retry older than 23 h looks up before it sends. */
    intentAt: instant("intent_at"),
    attempts: integer("attempts").notNull().default(0),
    nextAttemptAt: instant("next_attempt_at").notNull(),
    stripeId: text("stripe_id"),
    error: text("error"),
    /** When the sum sent to the customer's meter is next compared with Stripe's; null for what is not compared (any more). */
    compareAfter: instant("compare_after"),
    /** What the last comparison found; null while it found no difference. */
    sumDifference: text("sum_difference"),
    traceId: text("trace_id"),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.meterKey, table.cycle, table.correctedCycle, table.part] })],
);

/** Newest invoices of customers whose subscription has ended, with the stored time of the intent. Written by cycle-close. */
export const stripeInvoiceOutbox = sqliteTable(
  "stripe_invoice_outbox",
  {
    tenantId: text("tenant_id").notNull(),
    /** Cycle whose charges the invoice collects. */
    cycle: text("cycle").notNull(),
    currency: text("currency").notNull(),
    /** Derived from tenant, cycle, currency and the one before it; idempotency key, and metadata of the invoice. */
    identifier: text("identifier").notNull().unique(),
    /** Arguments of the call, JSON. */
    payloadJson: text("payload_json").notNull(),
    /** `nothing_pending`: another invoice had collected the charges. */
    status: text("status", { enum: ["pending", "sent", "nothing_pending", "rejected", "failed"] }).notNull(),
    /** When the first call was about to be made; a retry older than 23 h looks up before it sends. */
    intentAt: instant("intent_at"),
    attempts: integer("attempts").notNull().default(0),
    nextAttemptAt: instant("next_attempt_at").notNull(),
    stripeId: text("stripe_id"),
    error: text("error"),
    traceId: text("trace_id"),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.cycle, table.currency] })],
);
