import type { Database } from "@prego/core/store";
import { sql } from "drizzle-orm";

/** Counts that need an operator, over the newest cycles. */
export interface CloseHealth {
  rejected: number;
  failed: number;
  open: number;
  quarantined: number;
}

/** Reads them by index: `/health` is public and asked often. */
export async function readHealth(db: Database): Promise<CloseHealth> {
  const [row] = await db.all<CloseHealth>(sql`
    WITH recent (cycle) AS (SELECT cycle FROM cycle_runs ORDER BY cycle DESC LIMIT 3)
    SELECT
      (SELECT count(*) FROM stripe_usage_outbox WHERE status = 'rejected' AND cycle IN (SELECT cycle FROM recent)) AS rejected,
      (SELECT count(*) FROM stripe_usage_outbox WHERE status = 'failed' AND cycle IN (SELECT cycle FROM recent)) AS failed,
      (SELECT count(*) FROM cycle_runs WHERE status <> 'closed') AS open,
      (SELECT count(*) FROM usage_objects WHERE status = 'quarantined') AS quarantined`);
  return row ?? { rejected: 0, failed: 0, open: 0, quarantined: 0 };
}

/** Rows that wait to be sent. */
export async function countPendingRows(db: Database): Promise<number> {
  const [row] = await db.all<{ count: number }>(
    sql`SELECT count(*) AS count FROM stripe_usage_outbox WHERE status = 'pending'`,
  );
  return row?.count ?? 0;
}
