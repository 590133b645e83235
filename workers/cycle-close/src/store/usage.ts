import { sha256Hex } from "@prego/core/auth";
import { type Cycle, cycleBounds, hourOf } from "@prego/core/period";
import type { Database } from "@prego/core/store";
import { type SQL, sql } from "drizzle-orm";
import { LATE_ROWS_PER_TENANT_MAX, METERS_PER_TENANT_MAX } from "../limits.ts";
import type { LateUsage, MeterUsage } from "../plan/inputs.ts";

interface UsageRow {
  tenantId: string;
  meterKey: string;
  /** JSON: sum, events and largest quantity as text, and the hours; nulls where the cycle has none. */
  sums: string;
  lastQty: string | null;
}

/** Rollups of a tenant in a cycle, combined per meter, and a mark that changes when any of them does. */
export interface TenantUsage {
  usage: MeterUsage[];
  mark: string;
}

/**
 * Reads a cycle of some tenants, one row per tenant and meter; undefined when several tenants have too many of them to be
 * read at once. The digest is SHA-256 over the hours in order, each `hour,qty,events,min,max,last` in micro-units with `-`
 * for null, joined by line feeds.
 */
export async function readUsage(
  db: Database,
  tenantIds: readonly string[],
  cycle: Cycle,
): Promise<Map<string, TenantUsage> | undefined> {
  const metersMax = tenantIds.length > 1 ? METERS_PER_TENANT_MAX + 1 : -1;
  const rows = await db.all<UsageRow>(sql`WITH RECURSIVE seen (tenant_id, meter_key) AS (
      SELECT t.value, (SELECT min(meter_key) FROM usage_rollups WHERE tenant_id = t.value)
      FROM json_each(${JSON.stringify(tenantIds)}) t
      UNION ALL
      SELECT tenant_id, ${nextMeter(sql`seen.tenant_id`)} FROM seen WHERE meter_key IS NOT NULL),
    used AS MATERIALIZED (SELECT tenant_id, meter_key, (SELECT
        json_array(CAST(sum(r.qty) AS TEXT), CAST(sum(r.events) AS TEXT), CAST(max(r.max_qty) AS TEXT),
          group_concat(r.hour || ',' || r.qty || ',' || r.events || ',' || coalesce(r.min_qty, '-') || ',' ||
            coalesce(r.max_qty, '-') || ',' || coalesce(r.last_qty, '-'), char(10) ORDER BY r.hour))
        FROM usage_rollups r WHERE ${isOfMeter(sql`seen.tenant_id`, cycle)}) AS sums,
      (SELECT CAST(r.last_qty AS TEXT) FROM usage_rollups r
        WHERE ${isOfMeter(sql`seen.tenant_id`, cycle)} AND r.last_qty IS NOT NULL ORDER BY r.hour DESC LIMIT 1) AS lastQty
      FROM seen WHERE meter_key IS NOT NULL ORDER BY tenant_id, meter_key LIMIT CAST(${metersMax} AS INTEGER))
    SELECT tenant_id AS tenantId, meter_key AS meterKey, sums, lastQty FROM used`);
  if (tenantIds.length > 1 && rows.length > METERS_PER_TENANT_MAX) return undefined;
  const byTenant = new Map<string, TenantUsage>(tenantIds.map((tenantId) => [tenantId, { usage: [], mark: "" }]));
  for (const row of rows) {
    const [qty, events, maxQty, hours] = JSON.parse(row.sums) as [string | null, string, string | null, string];
    const usage = byTenant.get(row.tenantId);
    if (qty === null || usage === undefined) continue;
    usage.mark += `${usage.mark === "" ? "" : " "}${row.meterKey}=${qty}/${events}`;
    usage.usage.push({
      meterKey: row.meterKey,
      qty: BigInt(qty),
      events: BigInt(events),
      maxQty: maxQty === null ? null : BigInt(maxQty),
      lastQty: row.lastQty === null ? null : BigInt(row.lastQty),
      digest: await sha256Hex(hours),
    });
  }
  return byTenant;
}

/** True in SQL while every tenant's rollups still add up to its mark, given as JSON pairs of tenant and mark. */
export const areUsagesUnchanged = (marksJson: string, cycle: Cycle): SQL => sql`NOT EXISTS (
  SELECT 1 FROM json_each(${marksJson}) m WHERE m.value ->> 1 <> (
    WITH RECURSIVE seen (meter_key) AS (
      SELECT min(meter_key) FROM usage_rollups WHERE tenant_id = m.value ->> 0
      UNION ALL
      SELECT ${nextMeter(sql`(m.value ->> 0)`)} FROM seen WHERE meter_key IS NOT NULL)
    SELECT coalesce(group_concat((SELECT r.meter_key || '=' || sum(r.qty) || '/' || sum(r.events)
      FROM usage_rollups r WHERE ${isOfMeter(sql`(m.value ->> 0)`, cycle)}), ' ' ORDER BY seen.meter_key), '')
    FROM seen WHERE seen.meter_key IS NOT NULL))`;

/** The tenant's next meter, found by seeking: the primary key begins with tenant and meter, so other months are never read. */
const nextMeter = (tenantId: SQL): SQL => sql`(SELECT min(r.meter_key) FROM usage_rollups r
  WHERE r.tenant_id = ${tenantId} AND r.meter_key > seen.meter_key)`;

function isOfMeter(tenantId: SQL, cycle: Cycle): SQL {
  const { startMs, endMs } = cycleBounds(cycle);
  return sql`r.tenant_id = ${tenantId} AND r.meter_key = seen.meter_key
    AND r.hour >= ${hourOf(startMs)} AND r.hour < ${hourOf(endMs)}`;
}

/** A row of late usage as it is marked when billed. */
export interface LateRow {
  tenantId: string;
  meterKey: string;
  correctedCycle: Cycle;
  r2Key: string;
  qty: string;
  events: string;
}

/**
 * Late usage of closed cycles before `cycle` that no close has billed, oldest first; undefined when several tenants have too
 * much of it to be read at once. Of one tenant the oldest rows are read.
 */
export async function listLateRows(
  db: Database,
  tenantIds: readonly string[],
  cycle: Cycle,
): Promise<LateRow[] | undefined> {
  const limit = tenantIds.length > 1 ? LATE_ROWS_PER_TENANT_MAX + 1 : LATE_ROWS_PER_TENANT_MAX;
  const rows = await db.all<LateRow>(sql`SELECT a.tenant_id AS tenantId, a.meter_key AS meterKey,
      a.corrected_cycle AS correctedCycle, a.r2_key AS r2Key, CAST(a.qty AS TEXT) AS qty, CAST(a.events AS TEXT) AS events
    FROM json_each(${JSON.stringify(tenantIds)}) t CROSS JOIN usage_adjustments a INDEXED BY usage_adjustments_unbilled
      ON a.tenant_id = t.value
    WHERE a.billed_cycle IS NULL AND a.corrected_cycle < ${cycle}
    ORDER BY a.tenant_id, a.corrected_cycle, a.meter_key, a.r2_key LIMIT CAST(${limit} AS INTEGER)`);
  return rows.length > LATE_ROWS_PER_TENANT_MAX ? undefined : rows;
}

/** Adds up late rows per corrected cycle and meter; the digest is SHA-256 over `r2_key,qty,events` lines in order. */
export async function combineLateRows(rows: readonly LateRow[]): Promise<LateUsage[]> {
  const groups = Map.groupBy(rows, ({ correctedCycle, meterKey }) => `${correctedCycle} ${meterKey}`);
  return Promise.all(
    [...groups.values()].flatMap((group) => {
      const [first] = group;
      return first === undefined ? [] : [combineGroup(first, group)];
    }),
  );
}

async function combineGroup(first: LateRow, group: readonly LateRow[]): Promise<LateUsage> {
  return {
    meterKey: first.meterKey,
    correctedCycle: first.correctedCycle,
    qty: group.reduce((sum, row) => sum + BigInt(row.qty), 0n),
    events: group.reduce((sum, row) => sum + BigInt(row.events), 0n),
    digest: await sha256Hex(group.map(({ r2Key, qty, events }) => `${r2Key},${qty},${events}`).join("\n")),
  };
}
