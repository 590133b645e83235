import { and, asc, eq, lte, sql } from "drizzle-orm";
import { formatInstant } from "@prego/core/period";
import { dispatches, provisionJobs } from "@prego/core/schema";
import { commit, requireChanged, type Database, type Statement } from "@prego/core/store";
import { DISPATCH_LEASE_MS, DISPATCHES_PER_RUN_MAX } from "../limits.ts";

export type DispatchRow = typeof dispatches.$inferSelect;

export async function listDueDispatches(db: Database, nowMs: number): Promise<DispatchRow[]> {
  return db
    .select()
    .from(dispatches)
    .where(and(eq(dispatches.status, "pending"), lte(dispatches.nextAttemptAt, formatInstant(nowMs))))
    .orderBy(asc(dispatches.nextAttemptAt), asc(dispatches.dispatchId))
    .limit(DISPATCHES_PER_RUN_MAX);
}

/** Takes a due row for one attempt: of two senders one gets it; a sender that dies gives it back after the lease. */
export async function leaseDispatch(db: Database, row: DispatchRow, nowMs: number): Promise<boolean> {
  const [result] = await commit(db, [
    db
      .update(dispatches)
      .set({
        attempts: sql`${dispatches.attempts} + 1`,
        nextAttemptAt: formatInstant(nowMs + DISPATCH_LEASE_MS),
        updatedAt: formatInstant(nowMs),
      })
      .where(
        and(
          eq(dispatches.dispatchId, row.dispatchId),
          eq(dispatches.status, "pending"),
          eq(dispatches.attempts, row.attempts),
          eq(dispatches.nextAttemptAt, row.nextAttemptAt),
        ),
      ),
  ]);
  return result?.meta.changes === 1;
}

const settle = (db: Database, row: DispatchRow, set: Partial<DispatchRow>, nowMs: number): Statement[] => [
  db
    .update(dispatches)
    .set({ ...set, updatedAt: formatInstant(nowMs) })
    .where(and(eq(dispatches.dispatchId, row.dispatchId), eq(dispatches.status, "pending"))),
  requireChanged(),
];

/** The row is sent, and its job counts as dispatched unless the run was faster and has claimed it. */
export function sentStatements(
  db: Database,
  row: DispatchRow,
  run: { runId: string | null; runUrl: string | null },
  nowMs: number,
): Statement[] {
  return [
    ...settle(db, row, { ...run, status: "sent", error: null }, nowMs),
    db
      .update(provisionJobs)
      .set({
        status: "dispatched",
        attempts: sql`${provisionJobs.attempts} + 1`,
        runUrl: run.runUrl,
        updatedAt: formatInstant(nowMs),
      })
      .where(and(eq(provisionJobs.jobId, row.subjectId), eq(provisionJobs.status, "queued"))),
  ];
}

export const retryStatements = (
  db: Database,
  row: DispatchRow,
  retry: { error: string; delayMs: number },
  nowMs: number,
): Statement[] => settle(db, row, { error: retry.error, nextAttemptAt: formatInstant(nowMs + retry.delayMs) }, nowMs);

export const givenUpStatements = (db: Database, row: DispatchRow, error: string, nowMs: number): Statement[] =>
  settle(db, row, { status: "failed", error }, nowMs);
