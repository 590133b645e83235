import { integer, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant } from "./columns.ts";

/** A server that runs tenants. Written by control-plane and autoscaler. */
export const nodes = sqliteTable("nodes", {
  nodeId: text("node_id").primaryKey(),
  region: text("region").notNull(),
  provider: text("provider").notNull(),
  /** Provider's size name. */
  size: text("size").notNull(),
  /** Tenants it can run. */
  capacity: integer("capacity").notNull(),
  status: text("status", {
    enum: ["provisioning", "active", "cordoned", "draining", "retired", "failed"],
  }).notNull(),
  statusReason: text("status_reason"),
  createdAt: instant("created_at").notNull(),
  updatedAt: instant("updated_at").notNull(),
  /** Time of the newest metrics sample. */
  lastSeenAt: instant("last_seen_at"),
});

/** A node's metrics in one 10-minute window; percentages 0-100, latency in milliseconds; null where not reported. Written by autoscaler. */
export const nodeMetricsRollups = sqliteTable(
  "node_metrics_rollups",
  {
    nodeId: text("node_id").notNull(),
    /** Start of the window. */
    windowStart: instant("window_start").notNull(),
    /** Samples behind the figures. */
    samples: integer("samples").notNull(),
    /** The samples themselves, bounded, so that a repeat is recognised and percentiles stay exact. */
    samplesJson: text("samples_json").notNull(),
    cpuAvg: real("cpu_avg").notNull(),
    cpuP95: real("cpu_p95").notNull(),
    memoryAvg: real("memory_avg").notNull(),
    memoryP95: real("memory_p95").notNull(),
    diskAvg: real("disk_avg").notNull(),
    diskP95: real("disk_p95").notNull(),
    loadAvg: real("load_avg"),
    loadP95: real("load_p95"),
    errorRateAvg: real("error_rate_avg"),
    errorRateP95: real("error_rate_p95"),
    latencyMsAvg: real("latency_ms_avg"),
    latencyMsP95: real("latency_ms_p95"),
    /** Tenants on the node in the newest sample. */
    tenantCount: integer("tenant_count"),
    updatedAt: instant("updated_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.nodeId, table.windowStart] })],
);

/** How a region may be scaled. Written by migrations and operators. */
export const scalingRegions = sqliteTable("scaling_regions", {
  region: text("region").primaryKey(),
  /** `advise` only logs, `paused` does not evaluate. */
  mode: text("mode", { enum: ["active", "advise", "paused"] }).notNull(),
  minNodes: integer("min_nodes").notNull(),
  /** Budget cap. */
  maxNodes: integer("max_nodes").notNull(),
  /** Pressure in percent that scaling aims for. */
  targetPressure: integer("target_pressure").notNull(),
  /** Size and tenant capacity of a new node. */
  nodeSize: text("node_size").notNull(),
  nodeCapacity: integer("node_capacity").notNull(),
  updatedAt: instant("updated_at").notNull(),
});

/** Every evaluation of a region, "none" included. Written by autoscaler. */
export const scalingEvents = sqliteTable("scaling_events", {
  id: text("id").primaryKey(),
  ts: instant("ts").notNull(),
  region: text("region").notNull(),
  decision: text("decision", {
    enum: ["none", "scale_out", "scale_in", "replace", "halted"],
  }).notNull(),
  /** Mode of the region at the time. */
  mode: text("mode").notNull(),
  /** Rule that decided. */
  bindingRule: text("binding_rule").notNull(),
  /** One line for people. */
  explanation: text("explanation").notNull(),
  /** What would have to change for the next action, one line. */
  distanceToAction: text("distance_to_action").notNull(),
  /** Everything the pure decision read, JSON: replaying it gives the same decision. */
  inputsJson: text("inputs_json").notNull(),
  /** Health and pressure per node, JSON. */
  scoresJson: text("scores_json").notNull(),
  /** Region and due window: one evaluation is stored once. */
  evaluationKey: text("evaluation_key").notNull().unique(),
  runId: text("run_id").notNull(),
  traceId: text("trace_id"),
});
