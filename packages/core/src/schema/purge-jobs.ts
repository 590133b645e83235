import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant } from "./columns.ts";

/** One hard purge. Written by purge-job. */
export const purgeRuns = sqliteTable("purge_runs", {
  purgeId: text("purge_id").primaryKey(),
  /** Null once completed. */
  tenantId: text("tenant_id"),
  /** Keyed hash of the tenant id, hex. */
  tombstone: text("tombstone").notNull().unique(),
  status: text("status", { enum: ["running", "completed"] }).notNull(),
  /** Counts per store at the start, JSON. */
  planJson: text("plan_json").notNull(),
  /** R2 key and SHA-256 (hex) of the certificate. */
  certificateKey: text("certificate_key"),
  certificateSha256: text("certificate_sha256"),
  traceId: text("trace_id"),
  startedAt: instant("started_at").notNull(),
  completedAt: instant("completed_at"),
});

/** One step of a purge with its cursor and counts. Written by purge-job. */
export const purgeSteps = sqliteTable(
  "purge_steps",
  {
    purgeId: text("purge_id").notNull(),
    /** Order of the steps, from 0. */
    position: integer("position").notNull(),
    step: text("step").notNull(),
    status: text("status", { enum: ["pending", "done"] }).notNull(),
    /** Where the next chunk carries on. */
    cursor: text("cursor"),
    planned: integer("planned").notNull(),
    deleted: integer("deleted").notNull().default(0),
    /** Count after the step, listed again; must be 0. */
    relisted: integer("relisted"),
    detailJson: text("detail_json"),
    finishedAt: instant("finished_at"),
  },
  (table) => [primaryKey({ columns: [table.purgeId, table.position] })],
);

/** Keeps two runs of a job apart. Written by every job. */
export const jobLeases = sqliteTable("job_leases", {
  job: text("job").primaryKey(),
  /** Run that holds the lease. */
  holder: text("holder").notNull(),
  /** Grows with every new holder. */
  fencingToken: integer("fencing_token").notNull(),
  expiresAt: instant("expires_at").notNull(),
});

/** One run of a job and its report. Written by every job. */
export const jobRuns = sqliteTable("job_runs", {
  runId: text("run_id").primaryKey(),
  job: text("job").notNull(),
  trigger: text("trigger", { enum: ["cron", "operator"] }).notNull(),
  /** Everything due up to this instant is the run's work. */
  dueAt: instant("due_at").notNull(),
  fencingToken: integer("fencing_token").notNull(),
  status: text("status", { enum: ["running", "succeeded", "failed", "abandoned"] }).notNull(),
  startedAt: instant("started_at").notNull(),
  finishedAt: instant("finished_at"),
  reportJson: text("report_json"),
});
