import type { Cycle } from "@prego/core/period";
import { stripeUsageOutbox } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import { and, asc, eq, gt, sql } from "drizzle-orm";

/** A row of the outbox as operators see it. */
export type ChargeRow = typeof stripeUsageOutbox.$inferSelect;

/** What a list of charges shows. */
export interface ChargeFilter {
  status: ChargeRow["status"];
  cycle: Cycle | undefined;
}

/** Charges in order of their ids, after one. */
export function listCharges(
  db: Database,
  { status, cycle }: ChargeFilter,
  page: { after: string | undefined; limit: number },
): Promise<ChargeRow[]> {
  return db
    .select()
    .from(stripeUsageOutbox)
    .where(
      and(
        // The word stands in the text, not in a parameter: only then does SQLite use the partial indexes.
        sql`${stripeUsageOutbox.status} = ${sql.raw(`'${status}'`)}`,
        cycle === undefined ? undefined : eq(stripeUsageOutbox.cycle, cycle),
        page.after === undefined ? undefined : gt(stripeUsageOutbox.identifier, page.after),
      ),
    )
    .orderBy(asc(stripeUsageOutbox.identifier))
    .limit(page.limit);
}

export async function findCharge(db: Database, identifier: string): Promise<ChargeRow | undefined> {
  const [row] = await db.select().from(stripeUsageOutbox).where(eq(stripeUsageOutbox.identifier, identifier));
  return row;
}
