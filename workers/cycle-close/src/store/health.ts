import { type Database, endedCharges, isInvoiced, recentCycles } from "@prego/core/store";
import { type SQL, sql } from "drizzle-orm";
import { ATTEMPTS_UNNOTICED_MAX } from "../limits.ts";

/** Counts that need an operator, over the newest cycles. */
export interface CloseHealth {
  rejected: number;
  stuck: number;
  /** Charges to a customer's meter of which Stripe holds another sum. */
  differing: number;
  /** As the newest run that ended found it. */
  withoutSubscription: number;
  open: number;
  quarantined: number;
}

// The word stands in the text, not in a parameter: only then does SQLite use the partial index.
const stuckRows: SQL = sql`(SELECT count(*) FROM stripe_usage_outbox
  WHERE status = 'pending' AND attempts > CAST(${ATTEMPTS_UNNOTICED_MAX} AS INTEGER))`;

/** When the subscription of `t` ended: by Stripe's clock if its end is known from there, for the news of it may be late. */
const subscriptionEnd: SQL = sql`min(t.pending_deletion_at, coalesce((SELECT strftime('%Y-%m-%dT%H:%M:%fZ', s.state_as_of, 'unixepoch')
  FROM stripe_subscriptions s WHERE s.subscription_id = t.stripe_subscription_id), t.pending_deletion_at))`;

/** Reads them by index: `/health` is public and asked often. */
export async function readHealth(db: Database): Promise<CloseHealth> {
  const [row] = await db.all<CloseHealth>(sql`SELECT
      (SELECT count(*) FROM stripe_usage_outbox WHERE status = 'rejected' AND cycle IN (${recentCycles})) AS rejected,
      ${stuckRows} AS stuck,
      (SELECT count(*) FROM stripe_usage_outbox WHERE sum_difference IS NOT NULL AND cycle IN (${recentCycles})) AS differing,
      coalesce((SELECT report_json ->> '$.without_subscription' FROM job_runs
        WHERE job = 'cycle-close' AND report_json IS NOT NULL ORDER BY started_at DESC LIMIT 1), 0) AS withoutSubscription,
      (SELECT count(*) FROM cycle_runs WHERE status <> 'closed') AS open,
      (SELECT count(*) FROM usage_objects WHERE status = 'quarantined') AS quarantined`);
  return row ?? { rejected: 0, stuck: 0, differing: 0, withoutSubscription: 0, open: 0, quarantined: 0 };
}

/** Rows that wait to be sent. */
export const countPendingRows = (db: Database): Promise<number> =>
  readCount(db, sql`(SELECT count(*) FROM stripe_usage_outbox WHERE status = 'pending')`);

/** Rows that wait after more attempts than a short disturbance needs. */
export const countStuckRows = (db: Database): Promise<number> => readCount(db, stuckRows);

/**
 * Charges of the newest cycles that no invoice of their subscription will take up, because it has ended: invoice items without an
 * invoice of their own, and meter events that were planned before the end and are sent after it.
 */
export const countWithoutSubscription = (db: Database): Promise<number> =>
  readCount(
    db,
    sql`(SELECT count(*) FROM ${endedCharges}
      AND o.status IN ('pending', 'sent') AND o.cycle IN (${recentCycles})
      AND (o.mode = 'invoice_item' OR o.status = 'pending' OR o.updated_at >= ${subscriptionEnd})
      AND NOT ${isInvoiced(sql`i.status IN ('sent', 'nothing_pending')`)})`,
  );

async function readCount(db: Database, count: SQL): Promise<number> {
  const [row] = await db.all<{ count: number }>(sql`SELECT ${count} AS count`);
  return row?.count ?? 0;
}
