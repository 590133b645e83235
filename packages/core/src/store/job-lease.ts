import { and, eq, ne, sql } from "drizzle-orm";
import { isGuardFailure } from "../d1-error.ts";
import type { JobLeases } from "../job-run.ts";
import { jobLeases, jobRuns } from "../schema/index.ts";
import { appendAudit } from "./append.ts";
import { commit, type Database } from "./database.ts";
import { requireChanged } from "./guard.ts";

const iso = (epochMs: number): string => new Date(epochMs).toISOString();

/** Leases of jobs in D1: one conditional upsert decides who holds, the fencing token grows with every new holder. */
export function createJobLeases(db: Database): JobLeases {
  return {
    acquire: async (claim) => {
      try {
        await commit(db, [
          db
            .insert(jobLeases)
            .values({
              job: claim.job,
              holder: claim.runId,
              fencingToken: 1,
              expiresAt: iso(claim.nowMs + claim.leaseMs),
            })
            .onConflictDoUpdate({
              target: jobLeases.job,
              set: {
                holder: claim.runId,
                fencingToken: sql`${jobLeases.fencingToken} + 1`,
                expiresAt: iso(claim.nowMs + claim.leaseMs),
              },
              setWhere: sql`${jobLeases.expiresAt} <= ${iso(claim.nowMs)}`,
            }),
          requireChanged(),
          db
            .update(jobRuns)
            .set({ status: "abandoned", finishedAt: iso(claim.nowMs) })
            .where(and(eq(jobRuns.job, claim.job), eq(jobRuns.status, "running"), ne(jobRuns.runId, claim.runId))),
          sql`INSERT INTO job_runs (run_id, job, trigger, due_at, fencing_token, status, started_at)
            SELECT ${claim.runId}, ${claim.job}, ${claim.trigger}, ${iso(claim.dueAtMs)}, fencing_token, 'running', ${iso(claim.nowMs)}
            FROM job_leases WHERE job = ${claim.job}`,
          ...appendAudit(claim.audit),
        ]);
        return { acquired: true };
      } catch (error) {
        if (!isGuardFailure(error)) {
          throw error;
        }
        const [lease] = await db.select().from(jobLeases).where(eq(jobLeases.job, claim.job));
        return { acquired: false, holder: lease?.holder ?? "unknown" };
      }
    },
    finish: async ({ job, runId, nowMs, status, report }) => {
      await commit(db, [
        db
          .update(jobRuns)
          .set({ status, finishedAt: iso(nowMs), reportJson: JSON.stringify(report) })
          .where(and(eq(jobRuns.runId, runId), eq(jobRuns.status, "running"))),
        db
          .update(jobLeases)
          .set({ expiresAt: iso(nowMs) })
          .where(and(eq(jobLeases.job, job), eq(jobLeases.holder, runId))),
      ]);
    },
  };
}
