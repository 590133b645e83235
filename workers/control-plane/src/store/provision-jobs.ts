import { and, asc, eq, inArray, lte, or, sql, type SQL } from "drizzle-orm";
import { formatInstant } from "@prego/core/period";
import { provisionJobs } from "@prego/core/schema";
import { columnsOf, type Database } from "@prego/core/store";
import { HELD_JOB_STATUSES, type JobRow } from "../domain/rows.ts";
import { CLAIM_WAIT_MS_MAX, JOB_SILENCE_MS_MAX, JOBS_PER_TICK_MAX, OPEN_JOBS_MAX } from "../limits.ts";

export async function findJob(db: Database, jobId: string): Promise<JobRow | undefined> {
  return (await db.select().from(provisionJobs).where(eq(provisionJobs.jobId, jobId)))[0];
}

export const listOpenJobs = (db: Database, tenantId: string): Promise<JobRow[]> => db.all(selectOpenJobs(tenantId));

const JOB = columnsOf(provisionJobs);

/** The query of {@link listOpenJobs}; the tenant may be one that the database looks up. */
export const selectOpenJobs = (tenantId: string | SQL): SQL<JobRow> =>
  sql`SELECT ${JOB} FROM provision_jobs WHERE tenant_id = ${tenantId}
    AND status NOT IN ('succeeded', 'failed', 'cancelled') LIMIT ${sql.raw(String(OPEN_JOBS_MAX))}`;

export async function listWaitingJobs(db: Database): Promise<JobRow[]> {
  return db
    .select()
    .from(provisionJobs)
    .where(eq(provisionJobs.status, "queued_capacity"))
    .orderBy(asc(provisionJobs.createdAt), asc(provisionJobs.jobId))
    .limit(JOBS_PER_TICK_MAX);
}

/** Jobs dispatched long ago that nobody claimed, and held ones that have said nothing for longer than a run may take. */
export async function listOverdueJobs(db: Database, nowMs: number): Promise<JobRow[]> {
  const unclaimedSince = formatInstant(nowMs - CLAIM_WAIT_MS_MAX);
  const silentSince = formatInstant(nowMs - JOB_SILENCE_MS_MAX);
  return db
    .select()
    .from(provisionJobs)
    .where(
      or(
        and(eq(provisionJobs.status, "dispatched"), lte(provisionJobs.updatedAt, unclaimedSince)),
        and(inArray(provisionJobs.status, [...HELD_JOB_STATUSES]), lte(provisionJobs.updatedAt, silentSince)),
      ),
    )
    .orderBy(asc(provisionJobs.updatedAt))
    .limit(JOBS_PER_TICK_MAX);
}
