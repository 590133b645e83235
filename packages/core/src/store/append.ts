import type { AuditEntry } from "../audit.ts";
import { auditDetails, auditLogs, traceEvents } from "../schema/index.ts";
import type { Database, Statement } from "./database.ts";

/** Statements that write audit rows and their details; part of the batch of the change they record. */
export function appendAudit(db: Database, entries: readonly AuditEntry[]): Statement[] {
  return entries.flatMap(({ salt, detailJson, ...row }) => [
    db.insert(auditLogs).values(row),
    db.insert(auditDetails).values({ commitment: row.detailCommitment, tenantId: row.tenantId, salt, detailJson }),
  ]);
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

/** Statements that write trace events; events without a trace id are left out. */
export function appendTrace(db: Database, events: readonly TraceEvent[]): Statement[] {
  return events.flatMap((event) =>
    event.traceId === null
      ? []
      : [
          db.insert(traceEvents).values({
            id: event.id,
            ts: new Date(event.nowMs).toISOString(),
            traceId: event.traceId,
            source: event.source,
            eventType: event.eventType,
            tenantId: event.tenantId ?? null,
            jobId: event.jobId ?? null,
            level: event.level ?? "info",
            message: event.message ?? null,
            payloadJson: event.payload === undefined ? null : JSON.stringify(event.payload),
          }),
        ],
  );
}
