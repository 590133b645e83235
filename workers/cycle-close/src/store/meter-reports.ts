import { formatInstant } from "@prego/core/period";
import type { Database } from "@prego/core/store";
import { sql } from "drizzle-orm";
import type { OutboxRow } from "./outbox.ts";

/** A stored notification of bad meter events. */
export interface MeterReportEvent {
  eventId: string;
  receivedAt: string;
}

/** Notifications that no run has read, oldest first; none unless something was sent to a billing meter lately, by a close or by a resend. */
export function listUnreadReports(
  db: Database,
  { sinceMs, limit }: { sinceMs: number; limit: number },
): Promise<MeterReportEvent[]> {
  const since = formatInstant(sinceMs);
  return db.all<MeterReportEvent>(sql`
    WITH newest AS (SELECT report_json ->> '$.meter_reports_through' AS through FROM cycle_runs ORDER BY cycle DESC LIMIT 1)
    SELECT event_id AS eventId, received_at AS receivedAt FROM stripe_events
    WHERE type IN ('v1.billing.meter.error_report_triggered', 'v1.billing.meter.no_meter_found')
      AND status IN ('processed', 'ignored')
      AND received_at > ${since} AND received_at || event_id > coalesce((SELECT through FROM newest), '')
      AND (EXISTS (SELECT 1 FROM cycle_runs WHERE status <> 'closed' OR closed_at > ${since})
        OR EXISTS (SELECT 1 FROM stripe_usage_outbox WHERE compare_after > '' AND updated_at > ${since}))
    ORDER BY received_at, event_id LIMIT CAST(${limit} AS INTEGER)`);
}

/** Keeps how far the notifications are read. Losing it is harmless: a report that is read again changes nothing. */
export async function saveReportsThrough(db: Database, { receivedAt, eventId }: MeterReportEvent): Promise<void> {
  await db.run(sql`UPDATE cycle_runs
    SET report_json = json_set(coalesce(report_json, '{}'), '$.meter_reports_through', ${receivedAt + eventId})
    WHERE cycle = (SELECT max(cycle) FROM cycle_runs)`);
}

/** A row that was sent, and Stripe's identifier of the event. */
export type SentEvent = { sentAs: string } & Pick<
  OutboxRow,
  "tenantId" | "identifier" | "traceId" | "meterKey" | "cycle" | "correctedCycle"
>;

/** Rows whose last call sent a billing meter one of these identifiers, each with it: a report may be about an earlier call. */
export function findSentRows(db: Database, identifiers: readonly string[]): Promise<SentEvent[]> {
  const named = identifiers.map((sent) => [sent, sent.replace(/-r[0-9]+$/, "")]);
  return db.all(sql`SELECT value ->> 0 AS sentAs, tenant_id AS tenantId, identifier, trace_id AS traceId, meter_key AS meterKey, cycle,
      corrected_cycle AS correctedCycle
    FROM json_each(${JSON.stringify(named)}) CROSS JOIN stripe_usage_outbox o ON o.identifier = value ->> 1
    WHERE mode = 'meter_event' AND status = 'sent'
      AND o.identifier || coalesce('-r' || (payload_json ->> '$.resends'), '') = value ->> 0`);
}
