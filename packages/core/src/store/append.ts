import { sql } from "drizzle-orm";
import type { AuditEntry } from "../audit.ts";
import { formatInstant } from "../period.ts";
import type { Statement } from "./database.ts";

/** Two statements however many rows, of one parameter each; part of the batch of the changes that they record. */
export function appendAudit(entries: readonly AuditEntry[]): Statement[] {
  if (entries.length === 0) return [];
  const rows = JSON.stringify(entries);
  return [
    sql`INSERT INTO audit_logs (ts, actor, action, tenant_id, target, trace_id, detail_commitment)
      SELECT value ->> 'ts', value ->> 'actor', value ->> 'action', value ->> 'tenantId', value ->> 'target',
        value ->> 'traceId', value ->> 'detailCommitment'
      FROM json_each(${rows}) ORDER BY key`,
    sql`INSERT INTO audit_details (commitment, tenant_id, salt, detail_json)
      SELECT value ->> 'detailCommitment', value ->> 'tenantId', value ->> 'salt', value ->> 'detailJson'
      FROM json_each(${rows})`,
  ];
}

/** A step of a journey, as a worker states it. Nothing personal goes into `message` or `payload`. */
export interface TraceEvent {
  /** `trc_…`, sorts by time. */
  id: string;
  nowMs: number;
  /** Without one nothing is recorded: there is no journey to add to. */
  traceId: string | null;
  source: string;
  eventType: string;
  tenantId?: string | null;
  jobId?: string | null;
  level?: "info" | "warn" | "error";
  message?: string;
  payload?: Record<string, unknown>;
}

/** One statement however many events; those without a trace id are left out. */
export function appendTrace(events: readonly TraceEvent[]): Statement[] {
  const rows = events
    .filter((event) => event.traceId !== null)
    .map((event) => ({
      ...event,
      ts: formatInstant(event.nowMs),
      level: event.level ?? "info",
      payload: event.payload === undefined ? null : JSON.stringify(event.payload),
    }));
  if (rows.length === 0) return [];
  return [
    sql`INSERT INTO trace_events (id, ts, trace_id, source, event_type, tenant_id, job_id, level, message, payload_json)
      SELECT value ->> 'id', value ->> 'ts', value ->> 'traceId', value ->> 'source', value ->> 'eventType',
        value ->> 'tenantId', value ->> 'jobId', value ->> 'level', value ->> 'message', value ->> 'payload'
      FROM json_each(${JSON.stringify(rows)})`,
  ];
}
