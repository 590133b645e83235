import type { AuditEntry } from "@prego/core/audit";
import { formatInstant } from "@prego/core/period";
import type { Statement, TraceEvent } from "@prego/core/store";
import { sql } from "drizzle-orm";

/** Audit rows of many changes in two statements: an invocation has 1,000 queries, and one send must not take two of them. */
export function appendAuditRows(entries: readonly AuditEntry[]): Statement[] {
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

/** Trace events of many changes in one statement; events without a trace id are left out. */
export function appendTraceRows(events: readonly TraceEvent[]): Statement[] {
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
