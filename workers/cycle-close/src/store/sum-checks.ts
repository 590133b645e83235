import type { AuditEntry } from "@prego/core/audit";
import { type Cycle, formatInstant, parseInstant } from "@prego/core/period";
import { appendAudit, appendTrace, commit, type Database, type TraceEvent } from "@prego/core/store";
import { type SQL, sql } from "drizzle-orm";
import type { SentValue } from "../plan/sum-check.ts";

/** What is compared together: everything that was sent to one meter of one customer by the close of one cycle. */
export interface SumKey {
  tenantId: string;
  cycle: Cycle;
  customer: string;
  eventName: string;
}

/** A comparison that is due, with what the last one found. */
export interface DueSum extends SumKey {
  traceId: string | null;
  difference: string | null;
}

/** Sums that are due, those that wait longest first. */
export function listDueSums(db: Database, nowMs: number, limit: number): Promise<DueSum[]> {
  return db.all<DueSum>(sql`SELECT tenant_id AS tenantId, cycle, payload_json ->> '$.customer' AS customer,
      payload_json ->> '$.event_name' AS eventName, max(trace_id) AS traceId, max(sum_difference) AS difference
    FROM (SELECT * FROM stripe_usage_outbox WHERE compare_after <= ${formatInstant(nowMs)}
      ORDER BY compare_after LIMIT CAST(${limit} AS INTEGER))
    GROUP BY 1, 2, 3, 4 ORDER BY min(compare_after)`);
}

/** The rows of a sum, in whatever state. */
export async function listSentValues(db: Database, key: SumKey): Promise<SentValue[]> {
  const rows = await db.all<Omit<SentValue, "updatedAtMs"> & { updatedAt: string }>(
    sql`SELECT status, payload_json ->> '$.value' AS value, updated_at AS updatedAt
      FROM stripe_usage_outbox WHERE ${isOf(key)}`,
  );
  return rows.map(({ updatedAt, ...row }) => ({ ...row, updatedAtMs: parseInstant(updatedAt) ?? 0 }));
}

/** Puts a comparison off; it found nothing. */
export async function postponeSum(db: Database, key: SumKey, untilMs: number): Promise<void> {
  await db.run(sql`UPDATE stripe_usage_outbox SET compare_after = ${formatInstant(untilMs)}
    WHERE compare_after IS NOT NULL AND ${isOf(key)}`);
}

/** Stores what a comparison found with its audit row, and when the next one is due. */
export async function recordSum(
  db: Database,
  key: SumKey,
  found: {
    difference: string | null;
    againAtMs: number | null;
    audit: readonly AuditEntry[];
    trace: readonly TraceEvent[];
  },
): Promise<void> {
  const again = found.againAtMs === null ? null : formatInstant(found.againAtMs);
  await commit(db, [
    sql`UPDATE stripe_usage_outbox
      SET compare_after = iif(compare_after IS NULL, NULL, ${again}), sum_difference = ${found.difference}
      WHERE ${isOf(key)}`,
    ...appendAudit(found.audit),
    ...appendTrace(found.trace),
  ]);
}

const isOf = ({ tenantId, cycle, customer, eventName }: SumKey): SQL =>
  sql`tenant_id = ${tenantId} AND cycle = ${cycle} AND mode = 'meter_event'
    AND payload_json ->> '$.customer' = ${customer} AND payload_json ->> '$.event_name' = ${eventName}`;
