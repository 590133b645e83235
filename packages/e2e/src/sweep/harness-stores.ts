import type { SharedBindings } from "@prego/core/http";
import { UNIQUE_METER } from "./event-source.ts";
import type { CountedTotal, HarnessStatus } from "./fault-plan.ts";

const WIPED = [
  "usage_objects",
  "usage_rollups",
  "usage_distinct_values",
  "usage_adjustments",
  "job_runs",
  "job_leases",
  "cycle_runs",
];

/** Empties what a scenario leaves, so that each meets the same number of calls, and adds its tenants. */
export async function resetStores({ DB, BUCKET }: SharedBindings, tenantIds: readonly string[]): Promise<void> {
  for (;;) {
    const { objects } = await BUCKET.list();
    if (objects.length === 0) break;
    await BUCKET.delete(objects.map(({ key }) => key));
  }
  await DB.batch([
    ...WIPED.map((table) => DB.prepare(`DELETE FROM ${table}`)),
    DB.prepare(
      `INSERT INTO tenants_master (tenant_id, slug, short_id, type, plan_id, status, status_changed_at, region, created_at, updated_at)
       SELECT value, value, value, 'standard', 'starter', 'Active', ?1, 'eu', ?1, ?1 FROM json_each(?2)`,
    ).bind("2026-01-01T00:00:00.000Z", JSON.stringify(tenantIds)),
    DB.prepare("INSERT INTO meters VALUES (?1, ?1, 'visitor', 'unique', NULL, '2026') ON CONFLICT DO NOTHING").bind(
      UNIQUE_METER,
    ),
  ]);
}

/** What waits in the outbox, and what was put aside. */
export async function readStatus({ DB }: SharedBindings): Promise<Omit<HarnessStatus, "nextAlarmMs">> {
  const query = `SELECT count(*) FILTER (WHERE status = 'pending') AS pending,
    count(*) FILTER (WHERE status = 'quarantined') AS quarantined FROM usage_objects WHERE status <> 'done'`;
  return (await DB.prepare(query).first<Omit<HarnessStatus, "nextAlarmMs">>()) ?? { pending: 0, quarantined: 0 };
}

/** Everything that was counted. The quantity of late usage of the distinct-count meter is its new values. */
export async function readTotals({ DB }: SharedBindings): Promise<CountedTotal[]> {
  const query = `SELECT tenant_id AS "tenantId", meter_key AS "meterKey", sum(events) AS events,
      CAST(sum(iif(meter_key = ?1, 0, qty)) AS TEXT) AS qty, sum(new_values) AS "values"
    FROM (SELECT tenant_id, meter_key, events, qty, new_values FROM usage_rollups
      UNION ALL SELECT tenant_id, meter_key, events, qty, iif(meter_key = ?1, qty / 1000000, 0) FROM usage_adjustments)
    GROUP BY tenant_id, meter_key`;
  return (await DB.prepare(query).bind(UNIQUE_METER).all<CountedTotal>()).results;
}

/** Draws the line of a cycle's close: what is stored later becomes adjustments. */
export async function closeCycle({ DB }: SharedBindings, cycle: string): Promise<void> {
  await DB.prepare(
    `INSERT INTO cycle_runs (cycle, status, event_time_bound, stored_seq_bound, opened_at)
     SELECT ?1, 'closing', ?2, coalesce(max(seq), 0), ?2 FROM usage_objects`,
  )
    .bind(cycle, `${cycle}-28T00:00:00.000Z`)
    .run();
}
