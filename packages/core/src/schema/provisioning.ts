import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant } from "./columns.ts";

/** Work that the provisioning workflow claims once and reports on. Written by control-plane. */
export const provisionJobs = sqliteTable("provision_jobs", {
  jobId: text("job_id").primaryKey(),
  tenantId: text("tenant_id").notNull(),
  kind: text("kind", { enum: ["provision", "deprovision"] }).notNull(),
  /** `queued_capacity` waits for a node and is demand for the autoscaler. */
  status: text("status", {
    enum: ["queued", "queued_capacity", "dispatched", "claimed", "running", "succeeded", "failed", "cancelled"],
  }).notNull(),
  /** Node chosen by placement; null while waiting for capacity. */
  nodeId: text("node_id"),
  region: text("region").notNull(),
  /** Times the job was dispatched. */
  attempts: integer("attempts").notNull().default(0),
  /** Run that claimed the job. */
  runId: text("run_id"),
  runUrl: text("run_url"),
  /** Last stage reported by the workflow. */
  stage: text("stage"),
  /** Stage in which it failed. */
  failureStage: text("failure_stage"),
  error: text("error"),
  /** Readiness checks reported on completion, JSON. */
  readinessJson: text("readiness_json"),
  traceId: text("trace_id"),
  claimedAt: instant("claimed_at"),
  finishedAt: instant("finished_at"),
  createdAt: instant("created_at").notNull(),
  updatedAt: instant("updated_at").notNull(),
});

/** Outbox of workflow dispatches: sent at least once, claimed at most once. Written by control-plane and autoscaler. */
export const dispatches = sqliteTable("dispatches", {
  dispatchId: text("dispatch_id").primaryKey(),
  purpose: text("purpose", { enum: ["provision", "deprovision", "scale_out"] }).notNull(),
  /** Job or node the dispatch is for; unique per purpose. */
  subjectId: text("subject_id").notNull(),
  /** Inputs of the workflow, JSON object of strings. */
  inputsJson: text("inputs_json").notNull(),
  status: text("status", { enum: ["pending", "sent", "failed", "cancelled"] }).notNull(),
  attempts: integer("attempts").notNull().default(0),
  nextAttemptAt: instant("next_attempt_at").notNull(),
  runId: text("run_id"),
  runUrl: text("run_url"),
  error: text("error"),
  tenantId: text("tenant_id"),
  traceId: text("trace_id"),
  createdAt: instant("created_at").notNull(),
  updatedAt: instant("updated_at").notNull(),
});
