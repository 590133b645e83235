import type { AuditEntry } from "@prego/core/audit";
import { isGuardFailure } from "@prego/core/d1-error";
import { CLOCK_MARGIN_MS, OBJECT_WAIT_MS } from "../limits.ts";
import { EVENT_AGE_MS_MAX } from "@prego/core/limits";
import { type Cycle, cycleBounds, formatInstant, hourOf, parseCycle, parseInstant } from "@prego/core/period";
import { cycleRuns, tenantsMaster, usageObjects } from "@prego/core/schema";
import {
  appendAudit,
  appendTrace,
  commit,
  type Database,
  requireChanged,
  type Statement,
  type TraceEvent,
} from "@prego/core/store";
import { asc, desc, eq, min, ne, type SQL, sql } from "drizzle-orm";
import { isAwaited, isGone } from "./waiting-objects.ts";

/** A row of `cycle_runs`. */
export type CycleRun = typeof cycleRuns.$inferSelect;

/** The audit row and the trace event of a change. */
export interface ChangeRecord {
  audit: readonly AuditEntry[];
  trace: readonly TraceEvent[];
}

/** The newest cycle that was opened; before the first one, the oldest cycle with a tenant or with usage. */
export async function readOpeningState(
  db: Database,
): Promise<{ newestCycle: Cycle | undefined; oldestCycle: Cycle | undefined }> {
  const [newest] = await db.select({ cycle: cycleRuns.cycle }).from(cycleRuns).orderBy(desc(cycleRuns.cycle)).limit(1);
  if (newest !== undefined) return { newestCycle: newest.cycle, oldestCycle: undefined };
  // Usage may be older than its tenant. Both reads scan, once: the first run opens a cycle.
  const [tenant] = await db.select({ at: min(tenantsMaster.createdAt) }).from(tenantsMaster);
  const [object] = await db.select({ at: min(usageObjects.hour) }).from(usageObjects);
  const [oldest] = [tenant?.at, object?.at].flatMap((at) => parseCycle(at?.slice(0, 7) ?? "") ?? []).toSorted();
  return { newestCycle: undefined, oldestCycle: oldest };
}

/** Runs that are not closed, oldest first. */
export const listOpenRuns = (db: Database, limit: number): Promise<CycleRun[]> =>
  db.select().from(cycleRuns).where(ne(cycleRuns.status, "closed")).orderBy(asc(cycleRuns.cycle)).limit(limit);

export async function findRun(db: Database, cycle: Cycle): Promise<CycleRun | undefined> {
  const [run] = await db.select().from(cycleRuns).where(eq(cycleRuns.cycle, cycle));
  return run;
}

/**
 * Opens the close of a cycle; false if it is open already. The first cycle of all is not opened past older usage, which may
 * have been stored since it was chosen: from then on the aggregator takes hours before the oldest cycle for late ones.
 */
export function openRun(
  db: Database,
  opening: { cycle: Cycle; nowMs: number; traceId: string },
  record: ChangeRecord,
): Promise<boolean> {
  const { startMs, endMs } = cycleBounds(opening.cycle);
  const insert = sql`INSERT INTO cycle_runs (cycle, status, event_time_bound, opened_at, trace_id)
    SELECT ${opening.cycle}, 'waiting', ${formatInstant(endMs)}, ${formatInstant(opening.nowMs)}, ${opening.traceId}
    WHERE EXISTS (SELECT 1 FROM cycle_runs) OR NOT EXISTS (SELECT 1 FROM usage_objects WHERE hour < ${hourOf(startMs)})
    ON CONFLICT (cycle) DO NOTHING`;
  return commitOnce(db, insert, record);
}

/** Fixes the second bound: the last object stored so far, by the database's own order. False if it is fixed already. */
export function boundRun(db: Database, cycle: Cycle, nowMs: number, record: ChangeRecord): Promise<boolean> {
  const update = sql`UPDATE cycle_runs
    SET stored_seq_bound = (SELECT coalesce(max(seq), 0) FROM usage_objects), bounded_at = ${formatInstant(nowMs)}
    WHERE cycle = ${cycle} AND status = 'waiting' AND stored_seq_bound IS NULL`;
  return commitOnce(db, update, record);
}

/** Begins to close tenants; false while an object up to the bound is awaited and the wait for it has not run out. */
export function startClosing(
  db: Database,
  { run, nowMs }: { run: CycleRun; nowMs: number },
  record: ChangeRecord,
): Promise<boolean> {
  const update = sql`UPDATE cycle_runs
    SET status = 'closing',
      tenants_planned = (SELECT count(*) FROM tenants_master t WHERE ${isEligible(run)})
    WHERE cycle = ${run.cycle} AND status = 'waiting' AND stored_seq_bound IS NOT NULL
      AND (bounded_at <= ${formatInstant(nowMs - OBJECT_WAIT_MS)}
        OR NOT EXISTS (SELECT 1 FROM usage_objects o WHERE ${isAwaited(sql`cycle_runs.stored_seq_bound`)}))`;
  return commitOnce(db, update, record);
}

/** Ends the closing of tenants; false while one is missing. */
export function startSending(db: Database, run: CycleRun, record: ChangeRecord): Promise<boolean> {
  const update = sql`UPDATE cycle_runs SET status = 'sending', tenant_cursor = NULL
    WHERE cycle = ${run.cycle} AND status = 'closing'
      AND NOT EXISTS (SELECT 1 FROM tenants_master t WHERE ${isMissing(run)})`;
  return commitOnce(db, update, record);
}

/** Ends the cycle; false while a row of its outbox is pending. */
export function finishRun(db: Database, cycle: Cycle, nowMs: number, record: ChangeRecord): Promise<boolean> {
  const update = sql`UPDATE cycle_runs SET status = 'closed', closed_at = ${formatInstant(nowMs)}
    WHERE cycle = ${cycle} AND status = 'sending'
      AND NOT EXISTS (SELECT 1 FROM stripe_usage_outbox WHERE cycle = ${cycle} AND status = 'pending')`;
  return commitOnce(db, update, record);
}

/** Keeps where the next run carries on, how many tenants are closed, and the last report. */
export async function saveProgress(
  db: Database,
  cycle: Cycle,
  progress: { tenantCursor: string | null; report: unknown },
): Promise<void> {
  await commit(db, [
    sql`UPDATE cycle_runs SET tenant_cursor = ${progress.tenantCursor}, report_json = ${JSON.stringify(progress.report)},
        tenants_closed = (SELECT count(DISTINCT tenant_id) FROM usage_cycle_totals WHERE cycle = ${cycle})
      WHERE cycle = ${cycle} AND status <> 'closed'`,
  ]);
}

/** Objects that hold a close up, and those that were set aside in the cycle's hours. */
export async function countObjects(
  db: Database,
  run: Pick<CycleRun, "cycle" | "storedSeqBound">,
): Promise<{ pending: number; quarantined: number }> {
  const { startMs, endMs } = cycleBounds(run.cycle);
  // 2^53 - 1: every object that is stored so far.
  const bound = sql`CAST(${run.storedSeqBound ?? Number.MAX_SAFE_INTEGER} AS INTEGER)`;
  const [row] = await db.all<{ pending: number; quarantined: number }>(sql`SELECT
    (SELECT count(*) FROM usage_objects o WHERE ${isAwaited(bound)}) AS pending,
    (SELECT count(*) FROM usage_objects WHERE status = 'quarantined' AND hour >= ${hourOf(startMs)} AND hour < ${hourOf(endMs)}
      AND seq <= ${bound}) AS quarantined`);
  return row ?? { pending: 0, quarantined: 0 };
}

/** The tenants of a run: those without a purge under way that existed when an event of the cycle could still be stored within its bound. */
export function isEligible(run: Pick<CycleRun, "cycle" | "boundedAt">): SQL {
  const lastEventMs = cycleBounds(run.cycle).endMs + EVENT_AGE_MS_MAX;
  const boundedMs = run.boundedAt === null ? undefined : parseInstant(run.boundedAt);
  const createdBeforeMs = boundedMs === undefined ? lastEventMs : Math.min(boundedMs + CLOCK_MARGIN_MS, lastEventMs);
  return sql`NOT ${isGone} AND t.created_at < ${formatInstant(createdBeforeMs)}`;
}

/** Tenants of a run that are not closed yet. */
export const isMissing = (run: Pick<CycleRun, "cycle" | "boundedAt">): SQL =>
  sql`${isEligible(run)} AND NOT EXISTS
    (SELECT 1 FROM usage_cycle_totals c WHERE c.cycle = ${run.cycle} AND c.tenant_id = t.tenant_id)`;

async function commitOnce(db: Database, change: Statement, record: ChangeRecord): Promise<boolean> {
  try {
    await commit(db, [change, requireChanged(), ...appendAudit(record.audit), ...appendTrace(record.trace)]);
    return true;
  } catch (error) {
    if (isGuardFailure(error)) return false;
    throw error;
  }
}
