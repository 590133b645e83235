import { execute, rows } from "./aggregator-test-kit.ts";

/** Defines a meter of which distinct values are counted. */
export const seedUniqueMeter = (meterKey: string): Promise<void> =>
  execute(
    `INSERT INTO meters (meter_key, display_name, unit, aggregation, created_at) VALUES (?1, ?1, 'visitor', 'unique', '2026')
     ON CONFLICT DO NOTHING`,
    meterKey,
  );

/** What a tenant's distinct-count meters came to: counted hours, and the rows behind them in time and late. */
export async function distinctOf(tenantId: string) {
  const counted = await rows<{ meter_key: string; hour: string; n: number }>(
    "SELECT meter_key, hour, new_values AS n FROM usage_rollups WHERE tenant_id = ? AND new_values <> 0 ORDER BY 1, 2",
    tenantId,
  );
  const stored = await rows<{ meter_key: string; hour: string; n: number }>(
    `SELECT meter_key, hour, count(*) AS n FROM usage_distinct_values WHERE tenant_id = ? AND is_late = 0
     GROUP BY 1, 2 ORDER BY 1, 2`,
    tenantId,
  );
  if (JSON.stringify(counted) !== JSON.stringify(stored)) {
    throw new Error("the counts differ from the rows behind them");
  }
  const late = await rows<{ cycle: string; n: number }>(
    "SELECT cycle, count(*) AS n FROM usage_distinct_values WHERE tenant_id = ? AND is_late = 1 GROUP BY 1 ORDER BY 1",
    tenantId,
  );
  return {
    inTime: counted.map(({ meter_key: meter, hour, n }) => [meter, hour, n]),
    late: late.map(({ cycle, n }) => [cycle, n]),
  };
}
