import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant } from "./columns.ts";

/** What every worker did, in the order of a customer's journey. Appended by all workers. */
export const traceEvents = sqliteTable("trace_events", {
  /** Sorts by time. */
  id: text("id").primaryKey(),
  ts: instant("ts").notNull(),
  traceId: text("trace_id").notNull(),
  /** Worker that wrote it. */
  source: text("source").notNull(),
  /** Verb of what happened, such as `provision.claimed`. */
  eventType: text("event_type").notNull(),
  tenantId: text("tenant_id"),
  jobId: text("job_id"),
  level: text("level", { enum: ["info", "warn", "error"] }).notNull(),
  /** Sentence for people, without personal data. */
  message: text("message"),
  /** Small JSON object with ids and figures. */
  payloadJson: text("payload_json"),
});

/** Who changed what. Append-only by trigger, hash-chained. Appended by all workers in the batch of the change. */
export const auditLogs = sqliteTable("audit_logs", {
  /** Given by the database: the order of the chain. */
  seq: integer("seq").primaryKey({ autoIncrement: true }),
  ts: instant("ts").notNull(),
  /** `stripe`, `cron:<job>`, `operator:<key id>`, `provisioner:<run>`, `node:<id>`. */
  actor: text("actor").notNull(),
  /** Verb of the change, such as `tenant.created`. */
  action: text("action").notNull(),
  tenantId: text("tenant_id"),
  /** What was changed, such as `tenants_master/ten_…`. */
  target: text("target").notNull(),
  traceId: text("trace_id"),
  /** SHA-256 of salt and canonical detail, hex; the detail itself is in `audit_details`. */
  detailCommitment: text("detail_commitment").notNull(),
  /** Hash of the row before; null until sealed. */
  prevHash: text("prev_hash"),
  /** Chain hash of this row; null until sealed by control-plane's cron. */
  hash: text("hash"),
});

/** Detail of an audit row, apart so that a purge can remove it while the chain still verifies. */
export const auditDetails = sqliteTable("audit_details", {
  commitment: text("commitment").primaryKey(),
  tenantId: text("tenant_id"),
  /** 32 random bytes, hex. */
  salt: text("salt").notNull(),
  /** Canonical JSON that the commitment covers. */
  detailJson: text("detail_json").notNull(),
});

/** Steps of the sales funnel. Written by control-plane. */
export const funnelEvents = sqliteTable("funnel_events", {
  id: integer("id").primaryKey(),
  /** Sender's own id; a repeat is ignored. */
  clientEventId: text("client_event_id").unique(),
  /** Time of receipt. */
  ts: instant("ts").notNull(),
  /** One of the closed list `m_…`. */
  eventType: text("event_type").notNull(),
  traceId: text("trace_id"),
  tenantId: text("tenant_id"),
  jobId: text("job_id"),
  /** Keyed hash of the address; the address itself is never stored. */
  emailFingerprint: text("email_fingerprint"),
  emailDomain: text("email_domain"),
  /** 0, 1 or null where it does not apply. */
  success: integer("success"),
  errorCode: text("error_code"),
  /** At most 500 characters. */
  errorMessage: text("error_message"),
  source: text("source", { enum: ["admin-web", "zuplo", "cp", "stripe_webhook"] }).notNull(),
  /** At most 2 KB, redacted. */
  payloadJson: text("payload_json"),
});
