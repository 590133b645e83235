import { sha256Hex } from "@prego/core/auth";
import { type Cycle, cycleBounds, hourOf } from "@prego/core/period";
import type { Database } from "@prego/core/store";
import { type SQL, sql } from "drizzle-orm";
import { LATE_ROWS_PER_TENANT_MAX, METERS_PER_TENANT_MAX } from "../limits.ts";
import type { LateUsage, MeterUsage } from "../plan/inputs.ts";

interface UsageRow {
  meterKey: string;
  qty: string;
  events: string;
  maxQty: string | null;
  lastQty: string | null;
  canonical: string;
}

/** Rollups of a tenant in a cycle, combined per meter, and a mark that changes when any of them does. */
export interface TenantUsage {
  usage: MeterUsage[];
  mark: string;
}

/**
 * Reads a tenant's cycle, one row per meter. The digest is SHA-256 over the hours in order, each `hour,qty,events,min,max,last`
 * in micro-units with `-` for null, joined by line feeds.
 */
export async function readUsage(db: Database, tenantId: string, cycle: Cycle): Promise<TenantUsage> {
  const { startMs, endMs } = cycleBounds(cycle);
  const [start, end] = [hourOf(startMs), hourOf(endMs)];
  const rows = await db.all<UsageRow>(sql`${seenMeters(tenantId)}
    SELECT r.meter_key AS meterKey, CAST(sum(r.qty) AS TEXT) AS qty, CAST(sum(r.events) AS TEXT) AS events,
      CAST(max(r.max_qty) AS TEXT) AS maxQty,
      (SELECT CAST(l.last_qty AS TEXT) FROM usage_rollups l WHERE l.tenant_id = ${tenantId} AND l.meter_key = r.meter_key
        AND l.hour >= ${start} AND l.hour < ${end} AND l.last_qty IS NOT NULL ORDER BY l.hour DESC LIMIT 1) AS lastQty,
      group_concat(r.hour || ',' || r.qty || ',' || r.events || ',' || coalesce(r.min_qty, '-') || ',' ||
        coalesce(r.max_qty, '-') || ',' || coalesce(r.last_qty, '-'), char(10) ORDER BY r.hour) AS canonical
    FROM ${rollupsOf(tenantId, cycle)}
    GROUP BY r.meter_key ORDER BY r.meter_key LIMIT CAST(${METERS_PER_TENANT_MAX + 1} AS INTEGER)`);
  const usage = await Promise.all(
    rows.map(async (row) => ({
      meterKey: row.meterKey,
      qty: BigInt(row.qty),
      events: BigInt(row.events),
      maxQty: row.maxQty === null ? null : BigInt(row.maxQty),
      lastQty: row.lastQty === null ? null : BigInt(row.lastQty),
      digest: await sha256Hex(row.canonical),
    })),
  );
  return { usage, mark: markOf(rows) };
}

function markOf(rows: readonly UsageRow[]): string {
  return rows.map(({ meterKey, qty, events }) => `${meterKey}=${qty}/${events}`).join(" ");
}

/** True in SQL while the tenant's rollups still add up to what was read. */
export const isUsageUnchanged = (tenantId: string, cycle: Cycle, mark: string): SQL => sql`(${seenMeters(tenantId)}
  SELECT coalesce(group_concat(mark, ' ' ORDER BY meter_key), '') FROM (
    SELECT r.meter_key AS meter_key, r.meter_key || '=' || sum(r.qty) || '/' || sum(r.events) AS mark
    FROM ${rollupsOf(tenantId, cycle)} GROUP BY r.meter_key)) = ${mark}`;

/** The tenant's meters, found by seeking: the primary key begins with tenant and meter, so other months are never read. */
const seenMeters = (tenantId: string): SQL => sql`WITH RECURSIVE seen (meter_key) AS (
  SELECT min(meter_key) FROM usage_rollups WHERE tenant_id = ${tenantId}
  UNION ALL
  SELECT (SELECT min(r.meter_key) FROM usage_rollups r WHERE r.tenant_id = ${tenantId} AND r.meter_key > seen.meter_key)
  FROM seen WHERE seen.meter_key IS NOT NULL)`;

function rollupsOf(tenantId: string, cycle: Cycle): SQL {
  const { startMs, endMs } = cycleBounds(cycle);
  return sql`seen CROSS JOIN usage_rollups r ON r.tenant_id = ${tenantId} AND r.meter_key = seen.meter_key
    AND r.hour >= ${hourOf(startMs)} AND r.hour < ${hourOf(endMs)}`;
}

/** A row of late usage as it is marked when billed. */
export interface LateRow {
  meterKey: string;
  correctedCycle: Cycle;
  r2Key: string;
  qty: string;
  events: string;
}

/** Late usage of closed cycles before `cycle` that no close has billed, oldest first. */
export function listLateRows(db: Database, tenantId: string, cycle: Cycle): Promise<LateRow[]> {
  return db.all<LateRow>(sql`SELECT meter_key AS meterKey, corrected_cycle AS correctedCycle, r2_key AS r2Key,
      CAST(qty AS TEXT) AS qty, CAST(events AS TEXT) AS events
    FROM usage_adjustments
    WHERE tenant_id = ${tenantId} AND billed_cycle IS NULL AND corrected_cycle < ${cycle}
    ORDER BY corrected_cycle, meter_key, r2_key LIMIT CAST(${LATE_ROWS_PER_TENANT_MAX} AS INTEGER)`);
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
