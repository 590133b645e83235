import { and, desc, eq, gte, inArray, lt, or, sql, type SQL } from "drizzle-orm";
import { formatInstant } from "@prego/core/period";
import { funnelEvents } from "@prego/core/schema";
import type { Database, Statement } from "@prego/core/store";
import type { FunnelRow } from "../domain/funnel-event.ts";

/** Which events a feed shows. */
export interface FunnelFilter {
  fromMs: number | undefined;
  toMs: number | undefined;
  eventType: string | undefined;
  traceId: string | undefined;
  /** Fingerprints of one address under every key in use. */
  emailFingerprints: readonly string[] | undefined;
}

export type StoredFunnelEvent = typeof funnelEvents.$inferSelect;

/** Where a page of the feed ends: the event it shows last. */
export interface FunnelPosition {
  ts: string;
  id: number;
}

/** What is known of an event; a column that is left out is null. */
export type FunnelInsert = Pick<FunnelRow, "ts" | "eventType" | "source"> & Partial<FunnelRow>;

/** Inserts events in their order, as one statement with one parameter; those whose client id is known are left out. */
export const funnelStatement = (rows: readonly FunnelInsert[]): Statement => sql`
  INSERT INTO funnel_events (client_event_id, ts, event_type, trace_id, tenant_id, job_id, email_fingerprint,
    email_domain, success, error_code, error_message, source, payload_json)
  SELECT value ->> '$.clientEventId', value ->> '$.ts', value ->> '$.eventType', value ->> '$.traceId',
    value ->> '$.tenantId', value ->> '$.jobId', value ->> '$.emailFingerprint', value ->> '$.emailDomain',
    value ->> '$.success', value ->> '$.errorCode', value ->> '$.errorMessage', value ->> '$.source',
    value ->> '$.payloadJson'
  FROM json_each(${JSON.stringify(rows)}) WHERE true
  ON CONFLICT (client_event_id) DO NOTHING RETURNING id`;

/** Stores events and tells how many of them were new. */
export async function insertFunnelEvents(db: Database, rows: readonly FunnelRow[]): Promise<number> {
  const inserted = await db.all(funnelStatement(rows) as SQL);
  return inserted.length;
}

/** Events newest first, from after a position on. */
export async function listFunnelEvents(
  db: Database,
  filter: FunnelFilter,
  page: { after: FunnelPosition | undefined; limit: number },
): Promise<StoredFunnelEvent[]> {
  const { after } = page;
  return db
    .select()
    .from(funnelEvents)
    .where(
      and(
        filter.fromMs === undefined ? undefined : gte(funnelEvents.ts, formatInstant(filter.fromMs)),
        filter.toMs === undefined ? undefined : lt(funnelEvents.ts, formatInstant(filter.toMs)),
        filter.eventType === undefined ? undefined : eq(funnelEvents.eventType, filter.eventType),
        filter.traceId === undefined ? undefined : eq(funnelEvents.traceId, filter.traceId),
        filter.emailFingerprints === undefined
          ? undefined
          : inArray(funnelEvents.emailFingerprint, [...filter.emailFingerprints]),
        after === undefined
          ? undefined
          : or(lt(funnelEvents.ts, after.ts), and(eq(funnelEvents.ts, after.ts), lt(funnelEvents.id, after.id))),
      ),
    )
    .orderBy(desc(funnelEvents.ts), desc(funnelEvents.id))
    .limit(page.limit);
}
