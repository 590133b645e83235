import { and, asc, eq, gt, gte, lt, or } from "drizzle-orm";
import { exact, usageRollups } from "@prego/core/schema";
import type { QuantityMicros } from "@prego/core/quantity";
import type { Database } from "@prego/core/store";

/** Which rollups of a tenant are shown; hours are compared as text. */
export interface UsageFilter {
  tenantId: string;
  meterKey: string | undefined;
  fromHour: string | undefined;
  beforeHour: string | undefined;
}

/** Where a page of usage ends: the rollup it shows last. */
export interface UsagePosition {
  meterKey: string;
  hour: string;
}

export interface UsageRow {
  meterKey: string;
  hour: string;
  qty: QuantityMicros;
  events: number;
  /** Distinct values that the month had first in this hour. */
  newValues: number;
}

/** Hourly rollups by meter and hour, the order of the primary key, from after a position on. */
export async function listUsage(
  db: Database,
  filter: UsageFilter,
  page: { after: UsagePosition | undefined; limit: number },
): Promise<UsageRow[]> {
  const { after } = page;
  return db
    .select({
      meterKey: usageRollups.meterKey,
      hour: usageRollups.hour,
      qty: exact(usageRollups.qty),
      events: usageRollups.events,
      newValues: usageRollups.newValues,
    })
    .from(usageRollups)
    .where(
      and(
        eq(usageRollups.tenantId, filter.tenantId),
        filter.meterKey === undefined ? undefined : eq(usageRollups.meterKey, filter.meterKey),
        filter.fromHour === undefined ? undefined : gte(usageRollups.hour, filter.fromHour),
        filter.beforeHour === undefined ? undefined : lt(usageRollups.hour, filter.beforeHour),
        after === undefined
          ? undefined
          : or(
              gt(usageRollups.meterKey, after.meterKey),
              and(eq(usageRollups.meterKey, after.meterKey), gt(usageRollups.hour, after.hour)),
            ),
      ),
    )
    .orderBy(asc(usageRollups.meterKey), asc(usageRollups.hour))
    .limit(page.limit);
}
