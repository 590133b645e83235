import { METERS_MAX } from "@prego/core/limits";
import { cycleOfHour, formatInstant, parseInstant } from "@prego/core/period";
import { requireChanged, requireTrue, type Statement } from "@prego/core/store";
import { type SQL, sql } from "drizzle-orm";
import type { UniqueMeters } from "../domain/value-reader.ts";
import { ROWS_PER_STATEMENT } from "../limits.ts";
import { type Adjustment, type GroupPlan, type PendingObject, type RollupDelta, rollupName } from "../plan.ts";
import { writeValues } from "./distinct-values.ts";
import { markDone } from "./objects.ts";
import type { Session } from "./session.ts";

/** Hourly sums and late usage: `usage_rollups` and `usage_adjustments`. */
export interface RollupStore {
  /** `seq` of the objects that came after their cycle's stored bound, or whose tenant is closed for it. */
  findLate: (objects: readonly Pick<PendingObject, "seq" | "tenantId" | "hour">[]) => Promise<Set<number>>;
  /** Writes everything of a plan or nothing. A guard failure says that another run, a close or a purge came first. */
  commitGroup: (plan: GroupPlan, nowMs: number) => Promise<void>;
  /** Stored sums behind a plan, by `rollupName`. */
  findStoredSums: (plan: GroupPlan) => Promise<Map<string, bigint>>;
  /** Meters that count distinct values. */
  findUniqueMeters: () => Promise<UniqueMeters>;
}

type Origin = GroupPlan["inTime"][number];

export function createRollupStore(session: Session): RollupStore {
  return {
    findLate: async (objects) => {
      const origins = objects.map(({ seq, tenantId, hour }) => ({ seq, tenantId, cycle: cycleOfHour(hour) }));
      const rows = await session.read<{ seq: number }>(sql`SELECT value ->> 'seq' AS seq ${lateAmong(origins)}`);
      return new Set(rows.map(({ seq }) => seq));
    },
    commitGroup: (plan, nowMs) =>
      session.commit([
        ...(plan.inTime.length === 0 ? [] : [requireTrue(sql`NOT EXISTS (SELECT 1 ${lateAmong(plan.inTime)})`)]),
        markDone(plan.seqs, nowMs),
        requireChanged(plan.seqs.length),
        ...chunk(plan.rollups).map((rows) => upsertRollups(rows, nowMs)),
        ...chunk(plan.adjustments).map((rows) => insertAdjustments(rows, nowMs)),
        ...writeValues(plan.values),
        noteFirstUsage(plan.tenantIds, nowMs),
      ]),
    findStoredSums: async (plan) => {
      const keys = plan.rollups.map(({ tenantId, meterKey, hour }) => ({ tenantId, meterKey, hour }));
      const rows = await session.read<{ tenantId: string; meterKey: string; hour: string; qty: string }>(sql`
        SELECT r.tenant_id AS "tenantId", r.meter_key AS "meterKey", r.hour AS hour, CAST(r.qty AS TEXT) AS qty
        FROM json_each(${JSON.stringify(keys)}) k JOIN usage_rollups r
          ON r.tenant_id = k.value ->> 'tenantId' AND r.meter_key = k.value ->> 'meterKey' AND r.hour = k.value ->> 'hour'`);
      return new Map(rows.map((row) => [rollupName(row), BigInt(row.qty)]));
    },
    findUniqueMeters: async () => {
      const rows = await session.read<{ meterKey: string; createdAt: string }>(sql`
        SELECT meter_key AS "meterKey", created_at AS "createdAt" FROM meters
        WHERE aggregation = 'unique' LIMIT ${sql.raw(String(METERS_MAX))}`);
      return new Map(rows.map(({ meterKey, createdAt }) => [meterKey, parseInstant(createdAt) ?? 0]));
    },
  };
}

/**
 * FROM and WHERE of the objects whose cycle no longer takes them. A total is looked for too: an object below the bound
 * that was released from quarantine after its tenant's close would otherwise be billed by nobody, and no cycle before the
 * oldest one is ever opened.
 */
const lateAmong = (origins: readonly Origin[]): SQL =>
  sql`FROM json_each(${JSON.stringify(origins)}) LEFT JOIN cycle_runs c ON c.cycle = value ->> 'cycle'
    WHERE value ->> 'cycle' < (SELECT min(cycle) FROM cycle_runs) OR c.stored_seq_bound IS NOT NULL AND (c.stored_seq_bound < value ->> 'seq' OR EXISTS (
      SELECT 1 FROM usage_cycle_totals u WHERE u.cycle = c.cycle AND u.tenant_id = value ->> 'tenantId'))`;

// Quantities travel as decimal text: as JSON numbers they would be read as REAL above 2^53. A sum above 64 bits becomes
// REAL too, which a STRICT column refuses, so that the whole batch fails.
function upsertRollups(rows: readonly RollupDelta[], nowMs: number): Statement {
  const values = rows.map((row) => [
    row.tenantId,
    row.meterKey,
    row.hour,
    row.qty.toString(),
    row.events,
    row.minQty.toString(),
    row.maxQty.toString(),
    row.lastQty.toString(),
    formatInstant(row.firstAtMs),
    formatInstant(row.lastAtMs),
  ]);
  return sql`INSERT INTO usage_rollups (tenant_id, meter_key, hour, qty, events, min_qty, max_qty, last_qty,
      first_event_at, last_event_at, updated_at)
    SELECT value ->> 0, value ->> 1, value ->> 2, CAST(value ->> 3 AS INTEGER), value ->> 4, CAST(value ->> 5 AS INTEGER),
      CAST(value ->> 6 AS INTEGER), CAST(value ->> 7 AS INTEGER), value ->> 8, value ->> 9, ${formatInstant(nowMs)}
    FROM json_each(${JSON.stringify(values)}) WHERE true
    ON CONFLICT (tenant_id, meter_key, hour) DO UPDATE SET
      qty = qty + excluded.qty,
      events = events + excluded.events,
      min_qty = min(coalesce(min_qty, excluded.min_qty), excluded.min_qty),
      max_qty = max(coalesce(max_qty, excluded.max_qty), excluded.max_qty),
      last_qty = CASE WHEN last_qty IS NULL OR excluded.last_event_at > last_event_at THEN excluded.last_qty
        WHEN excluded.last_event_at = last_event_at THEN max(last_qty, excluded.last_qty) ELSE last_qty END,
      first_event_at = min(first_event_at, excluded.first_event_at),
      last_event_at = max(last_event_at, excluded.last_event_at),
      updated_at = excluded.updated_at`;
}

function insertAdjustments(rows: readonly Adjustment[], nowMs: number): Statement {
  const values = rows.map((row) => [
    row.tenantId,
    row.meterKey,
    row.correctedCycle,
    row.key,
    row.qty.toString(),
    row.events,
    row.maxQty.toString(),
    row.lastQty.toString(),
    formatInstant(row.lastAtMs),
  ]);
  return sql`INSERT INTO usage_adjustments (tenant_id, meter_key, corrected_cycle, r2_key, qty, events, created_at, max_qty,
      last_qty, last_event_at)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, CAST(value ->> 4 AS INTEGER), value ->> 5,
      ${formatInstant(nowMs)}, CAST(value ->> 6 AS INTEGER), CAST(value ->> 7 AS INTEGER), value ->> 8
    FROM json_each(${JSON.stringify(values)})`;
}

/** One trace event per tenant for ever: its id is derived, so that every later one writes no row. */
const noteFirstUsage = (tenantIds: readonly string[], nowMs: number): Statement =>
  sql`INSERT INTO trace_events (id, ts, trace_id, source, event_type, tenant_id, level)
    SELECT 'trc_first_usage_' || tenant_id, ${formatInstant(nowMs)}, trace_id, 'usage-aggregator', 'usage.first_seen',
      tenant_id, 'info'
    FROM tenants_master WHERE trace_id IS NOT NULL
      AND tenant_id IN (SELECT value FROM json_each(${JSON.stringify(tenantIds)}))
    ON CONFLICT (id) DO NOTHING`;

function chunk<T>(rows: readonly T[]): T[][] {
  const chunks: T[][] = [];
  for (let start = 0; start < rows.length; start += ROWS_PER_STATEMENT) {
    chunks.push(rows.slice(start, start + ROWS_PER_STATEMENT));
  }
  return chunks;
}
