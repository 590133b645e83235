import { sha256Hex } from "@prego/core/auth";
import { type Cycle, cycleBounds, hourOf, type PeriodBounds, parseInstant } from "@prego/core/period";
import type { Database } from "@prego/core/store";
import { type SQL, sql } from "drizzle-orm";
import { LATE_ROWS_PER_TENANT_MAX, METERS_PER_READ_MAX } from "../limits.ts";
import type { LateUsage, MeterUsage } from "../plan/inputs.ts";
import { type LinePart, partKey } from "../plan/line-part.ts";

interface UsageRow {
  tenantId: string;
  part: number;
  meterKey: string;
  /** JSON: sum, events, largest quantity and new values as text, and the hours; nulls where the part has none. */
  sums: string;
  /** JSON: last quantity as text, and when; null when there is none. */
  last: string | null;
}

type Sums = [qty: string | null, events: string, maxQty: string | null, newValues: string, hours: string];

/** Rollups of a tenant in a cycle, combined per part and meter, and a mark that changes when any of them does. */
export interface TenantUsage {
  /** One list per part. */
  usage: MeterUsage[][];
  mark: string;
}

/** Whose usage is read: stretches of whole hours that make up the cycle. */
export interface UsageParts {
  tenantId: string;
  parts: readonly PeriodBounds[];
}

/**
 * Reads a cycle of some tenants, one row per tenant, part and meter; undefined when several tenants have too many of them to be
 * read at once. The digest is SHA-256 over the part's hours in order, each `hour,qty,events,min,max,last` in micro-units with
 * `-` for null, then `,n` if the hour has n new values, joined by line feeds.
 */
export async function readUsage(
  db: Database,
  tenants: readonly UsageParts[],
): Promise<Map<string, TenantUsage> | undefined> {
  const metersMax = tenants.length > 1 ? METERS_PER_READ_MAX + 1 : -1;
  const wanted = tenants.map(({ tenantId, parts }) => [
    tenantId,
    parts.map(({ startMs, endMs }) => [hourOf(startMs), hourOf(endMs)]),
  ]);
  const isOfPart = sql`r.tenant_id = seen.tenant_id AND r.meter_key = seen.meter_key
    AND r.hour >= p.value ->> 0 AND r.hour < p.value ->> 1`;
  const rows = await db.all<UsageRow>(sql`WITH RECURSIVE seen (tenant_id, parts, meter_key) AS (
      SELECT t.value ->> 0, t.value -> 1, (SELECT min(meter_key) FROM usage_rollups WHERE tenant_id = t.value ->> 0)
      FROM json_each(${JSON.stringify(wanted)}) t
      UNION ALL
      SELECT tenant_id, parts, ${nextMeter(sql`seen.tenant_id`)} FROM seen WHERE meter_key IS NOT NULL),
    used AS MATERIALIZED (SELECT tenant_id, p.key AS part, meter_key, (SELECT
        json_array(CAST(sum(r.qty) AS TEXT), CAST(sum(r.events) AS TEXT), CAST(max(r.max_qty) AS TEXT),
          CAST(sum(r.new_values) AS TEXT),
          group_concat(r.hour || ',' || r.qty || ',' || r.events || ',' || coalesce(r.min_qty, '-') || ',' ||
            coalesce(r.max_qty, '-') || ',' || coalesce(r.last_qty, '-') || iif(r.new_values = 0, '', ',' || r.new_values),
            char(10) ORDER BY r.hour))
        FROM usage_rollups r WHERE ${isOfPart}) AS sums,
      (SELECT json_array(CAST(r.last_qty AS TEXT), r.last_event_at) FROM usage_rollups r
        WHERE ${isOfPart} AND r.last_qty IS NOT NULL ORDER BY r.hour DESC LIMIT 1) AS last
      FROM seen CROSS JOIN json_each(seen.parts) p
      WHERE meter_key IS NOT NULL ORDER BY tenant_id, part, meter_key LIMIT CAST(${metersMax} AS INTEGER))
    SELECT tenant_id AS tenantId, part, meter_key AS meterKey, sums, last FROM used`);
  if (tenants.length > 1 && rows.length > METERS_PER_READ_MAX) return undefined;
  const byTenant = new Map<string, TenantUsage>(
    tenants.map(({ tenantId, parts }) => [tenantId, { usage: parts.map(() => []), mark: "" }]),
  );
  for (const row of rows) {
    const [qty, events, maxQty, newValues, hours] = JSON.parse(row.sums) as Sums;
    if (qty === null) continue;
    const [lastQty, lastAt] = (row.last === null ? [null, null] : JSON.parse(row.last)) as [
      string | null,
      string | null,
    ];
    byTenant.get(row.tenantId)?.usage[row.part]?.push({
      meterKey: row.meterKey,
      qty: BigInt(qty),
      events: BigInt(events),
      maxQty: maxQty === null ? null : BigInt(maxQty),
      lastQty: lastQty === null ? null : BigInt(lastQty),
      lastAtMs: lastAt === null ? null : (parseInstant(lastAt) ?? null),
      newValues: BigInt(newValues),
      digest: await sha256Hex(hours),
    });
  }
  for (const one of byTenant.values()) one.mark = markOf(one.usage.flat());
  return byTenant;
}

/** The cycle's sums by meter. Parts are read together or not: every change adds events, so a mark that still holds says so. */
function markOf(usage: readonly MeterUsage[]): string {
  const byMeter = [...Map.groupBy(usage, ({ meterKey }) => meterKey)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const sum = (values: readonly bigint[]): bigint => values.reduce((left, right) => left + right, 0n);
  return byMeter
    .map(([key, of]) => `${key}=${sum(of.map(({ qty }) => qty))}/${sum(of.map(({ events }) => events))}`)
    .join(" ");
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
  /** Null in rows from before they were kept. */
  maxQty: string | null;
  lastQty: string | null;
  lastEventAt: string | null;
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
      a.corrected_cycle AS correctedCycle, a.r2_key AS r2Key, CAST(a.qty AS TEXT) AS qty, CAST(a.events AS TEXT) AS events,
      CAST(a.max_qty AS TEXT) AS maxQty, CAST(a.last_qty AS TEXT) AS lastQty, a.last_event_at AS lastEventAt
    FROM json_each(${JSON.stringify(tenantIds)}) t CROSS JOIN usage_adjustments a INDEXED BY usage_adjustments_unbilled
      ON a.tenant_id = t.value
    WHERE a.billed_cycle IS NULL AND a.corrected_cycle < ${cycle}
    ORDER BY a.tenant_id, a.corrected_cycle, a.meter_key, a.r2_key LIMIT CAST(${limit} AS INTEGER)`);
  return rows.length > LATE_ROWS_PER_TENANT_MAX ? undefined : rows;
}

/**
 * Adds up late rows per corrected cycle, part and meter; the digest is SHA-256 over `r2_key,qty,events` lines in order, each with
 * `,max,last,last_event_at` where the row has them.
 */
export async function combineLateRows(
  rows: readonly LateRow[],
  partOf: (row: LateRow) => LinePart,
): Promise<LateUsage[]> {
  const groups = Map.groupBy(rows, (row) => `${row.correctedCycle} ${partKey(partOf(row))} ${row.meterKey}`);
  return Promise.all(
    [...groups.values()].flatMap((group) => {
      const [first] = group;
      return first === undefined ? [] : [combineGroup(first, group, partOf(first))];
    }),
  );
}

async function combineGroup(first: LateRow, group: readonly LateRow[], part: LinePart): Promise<LateUsage> {
  return {
    meterKey: first.meterKey,
    correctedCycle: first.correctedCycle,
    part,
    qty: group.reduce((sum, row) => sum + BigInt(row.qty), 0n),
    events: group.reduce((sum, row) => sum + BigInt(row.events), 0n),
    ...findLevels(group),
    digest: await sha256Hex(group.map(textOf).join("\n")),
  };
}

const textOf = ({ r2Key, qty, events, maxQty, lastQty, lastEventAt }: LateRow): string =>
  [r2Key, qty, events, ...(maxQty === null ? [] : [maxQty, lastQty, lastEventAt])].join(",");

/** Nothing when a row does not say: what it holds may be larger, or later. */
function findLevels(group: readonly LateRow[]): Pick<LateUsage, "maxQty" | "last"> {
  let largest: bigint | undefined;
  let last: LateUsage["last"];
  for (const { maxQty, lastQty, lastEventAt } of group) {
    const atMs = lastEventAt === null ? undefined : parseInstant(lastEventAt);
    if (maxQty === null || lastQty === null || atMs === undefined) return {};
    const [max, qty] = [BigInt(maxQty), BigInt(lastQty)];
    if (largest === undefined || max > largest) largest = max;
    // Of several at the same millisecond the largest, as in the rollups.
    if (last === undefined || atMs > last.atMs || (atMs === last.atMs && qty > last.qty)) last = { qty, atMs };
  }
  return largest === undefined || last === undefined ? {} : { maxQty: largest, last };
}
