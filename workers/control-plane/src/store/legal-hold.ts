import { and, eq, ne } from "drizzle-orm";
import { formatInstant } from "@prego/core/period";
import { tenantsMaster } from "@prego/core/schema";
import { requireChanged, type Database, type Statement } from "@prego/core/store";

/** Sets or lifts the hold; the batch fails when that was done meanwhile, or the tenant was purged. */
export function legalHoldStatements(
  db: Database,
  change: { tenantId: string; hold: boolean; nowMs: number },
): Statement[] {
  const { tenantId, hold, nowMs } = change;
  return [
    db
      .update(tenantsMaster)
      .set({ legalHold: Number(hold), updatedAt: formatInstant(nowMs) })
      .where(
        and(
          eq(tenantsMaster.tenantId, tenantId),
          ne(tenantsMaster.legalHold, Number(hold)),
          ne(tenantsMaster.status, "Purged"),
        ),
      ),
    requireChanged(),
  ];
}
