import { sql } from "drizzle-orm";
import { openDatabase } from "@prego/core/store";

/** Counts of what no retry will mend. */
export async function countTroubles(env: { DB: D1Database }): Promise<{ name: string; count: number }[]> {
  return openDatabase(env.DB).all<{ name: string; count: number }>(sql`
    SELECT 'stripe_events.failed' AS name, count(*) AS count FROM stripe_events WHERE status = 'failed'
    UNION ALL SELECT 'stripe_events.quarantined', count(*) FROM stripe_events WHERE status = 'quarantined'
    UNION ALL SELECT 'provision_jobs.failed', count(*) FROM provision_jobs WHERE status = 'failed'
    UNION ALL SELECT 'dispatches.failed', count(*) FROM dispatches WHERE status = 'failed'`);
}
