import { formatInstant } from "@prego/core/period";
import type { Database } from "@prego/core/store";
import { sql } from "drizzle-orm";
import { commitAll, type OutboxRecord } from "./outbox.ts";

/** Rejects a row that Stripe took and reported as bad later. False if it is not `sent` any more. */
export function rejectSentRow(
  db: Database,
  row: { identifier: string; reason: string },
  record: OutboxRecord,
): Promise<boolean> {
  const update = sql`UPDATE stripe_usage_outbox
    SET status = 'rejected', error = ${row.reason.slice(0, 300)}, updated_at = ${formatInstant(record.nowMs)}
    WHERE identifier = ${row.identifier} AND status = 'sent'`;
  return commitAll(db, update, { expected: 1, ...record });
}

/**
 * Makes a rejected row pending again: due at once, looked up first, then sent under keys that no earlier call used. Attempts go
 * on counting, so that a slow run cannot take the row for the one it claimed. False if it was changed meanwhile.
 */
export function resendRejectedRow(
  db: Database,
  row: { identifier: string; resends: number },
  record: OutboxRecord,
): Promise<boolean> {
  const now = formatInstant(record.nowMs);
  const update = sql`UPDATE stripe_usage_outbox
    SET status = 'pending', next_attempt_at = ${now}, updated_at = ${now},
      payload_json = json_set(payload_json, '$.resends', CAST(${row.resends + 1} AS INTEGER), '$.look_up_first', json('true'))
    WHERE identifier = ${row.identifier} AND status = 'rejected'
      AND coalesce(payload_json ->> '$.resends', 0) = CAST(${row.resends} AS INTEGER)`;
  return commitAll(db, update, { expected: 1, ...record });
}
