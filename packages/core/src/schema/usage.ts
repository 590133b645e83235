import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, int64 } from "./columns.ts";

/** One immutable JSONL object in R2. usage-writer inserts, usage-aggregator finishes. */
export const usageObjects = sqliteTable("usage_objects", {
  /** Given by the database: the order of storing. */
  seq: integer("seq").primaryKey({ autoIncrement: true }),
  r2Key: text("r2_key").notNull().unique(),
  tenantId: text("tenant_id").notNull(),
  /** UTC hour of event time, `2026-11-21T02`. */
  hour: text("hour").notNull(),
  /** Lines in the object. */
  events: integer("events").notNull(),
  bytes: integer("bytes").notNull(),
  /** SHA-256 of the object, hex. */
  sha256: text("sha256").notNull(),
  status: text("status", { enum: ["pending", "done", "quarantined"] }).notNull(),
  createdAt: instant("created_at").notNull(),
  processedAt: instant("processed_at"),
  /** Reason of the quarantine. */
  error: text("error"),
  /** Runs in which storage failed it; those that failed least are read first. */
  failures: integer("failures").notNull().default(0),
});

/** One tenant's one meter in one UTC hour. Written by usage-aggregator. */
export const usageRollups = sqliteTable(
  "usage_rollups",
  {
    tenantId: text("tenant_id").notNull(),
    meterKey: text("meter_key").notNull(),
    /** UTC hour, `2026-11-21T02`. */
    hour: text("hour").notNull(),
    /** Sum of quantities in micro-units. */
    qty: int64("qty").notNull(),
    /** Number of events. */
    events: integer("events").notNull(),
    /** Smallest, largest and latest quantity in micro-units, for meters that aggregate so. */
    minQty: int64("min_qty"),
    maxQty: int64("max_qty"),
    lastQty: int64("last_qty"),
    firstEventAt: instant("first_event_at").notNull(),
    lastEventAt: instant("last_event_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
    /** Distinct values that this hour was the first of its cycle to see; late ones are in the adjustments. */
    newValues: integer("new_values").notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.meterKey, table.hour] })],
);

/** One value that a distinct-count meter saw in a cycle, so that it counts once. Written by usage-aggregator. */
export const usageDistinctValues = sqliteTable(
  "usage_distinct_values",
  {
    tenantId: text("tenant_id").notNull(),
    meterKey: text("meter_key").notNull(),
    /** Cycle of the event's own time, `2026-11`. */
    cycle: text("cycle").notNull(),
    /** First 22 characters, 132 bits, of SHA-256 in base64url over tenant, meter and value. The value itself is in R2 only. */
    valueDigest: text("value_digest").notNull(),
    /** UTC hour that counts it: the earliest by event time, of whatever came in time. */
    hour: text("hour").notNull(),
    /** 1: first seen in usage that came after its cycle's stored bound, and counted by that adjustment. */
    isLate: integer("is_late").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.meterKey, table.cycle, table.valueDigest] })],
);

/** Usage that arrived after its cycle's stored bound. Written by usage-aggregator, billed by cycle-close. */
export const usageAdjustments = sqliteTable(
  "usage_adjustments",
  {
    tenantId: text("tenant_id").notNull(),
    meterKey: text("meter_key").notNull(),
    /** Cycle in which the usage happened, `2026-10`. */
    correctedCycle: text("corrected_cycle").notNull(),
    /** Object that brought it. */
    r2Key: text("r2_key").notNull(),
    /** Cycle whose close billed it; null until then. */
    billedCycle: text("billed_cycle"),
    /** Signed quantity in micro-units; of a distinct-count meter, the values that were new to the cycle. */
    qty: int64("qty").notNull(),
    events: integer("events").notNull(),
    createdAt: instant("created_at").notNull(),
    /** Largest quantity, quantity of the latest event and its time; null in rows from before they were kept. */
    maxQty: int64("max_qty"),
    lastQty: int64("last_qty"),
    lastEventAt: instant("last_event_at"),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.meterKey, table.correctedCycle, table.r2Key] })],
);
