import type { AuditEntry } from "@prego/core/audit";
import { formatInstant } from "@prego/core/period";
import { appendAudit, appendTrace, requireChanged, type TraceEvent } from "@prego/core/store";
import { sql } from "drizzle-orm";
import { MISSING_LISTED_MAX, RUNS_SEARCHED_MAX } from "../limits.ts";
import type { PendingObject, ReconcileState } from "../plan.ts";
import { isNotGone } from "./live-tenant.ts";
import type { Session } from "./session.ts";

/** Stretch of keys `(after, upTo]` that one listed page covers; null is open. */
export interface KeyRange {
  after: string | null;
  upTo: string | null;
  keys: readonly string[];
}

/** Objects of one tenant that get their rows, with the records of that. */
export interface Adoption {
  tenantId: string;
  objects: readonly Omit<PendingObject, "seq" | "tenantId" | "failures">[];
  nowMs: number;
  audit: AuditEntry;
  trace: TraceEvent;
}

/** What comparing R2 with `usage_objects` reads and writes. */
export interface ReconcileStore {
  /** State that the newest run which got as far recorded. */
  findState: (job: string) => Promise<ReconcileState | undefined>;
  findKey: (seq: number) => Promise<string | undefined>;
  /** Row with the last key up to this one. */
  findSeqUpTo: (key: string) => Promise<number | undefined>;
  findUnknownKeys: (keys: readonly string[]) => Promise<string[]>;
  /** Rows of the range, made before an instant, whose key was not listed. */
  findMissing: (range: KeyRange, createdBeforeMs: number) => Promise<{ count: number; seqs: number[] }>;
  /** Aborts with a guard failure when one of the objects has a row by now, or the tenant is gone. */
  adopt: (adoption: Adoption) => Promise<void>;
}

export function createReconcileStore(session: Session): ReconcileStore {
  return {
    findState: (job) => findState(session, job),
    findKey: async (seq) => {
      const query = sql`SELECT r2_key AS "key" FROM usage_objects WHERE seq = CAST(${seq} AS INTEGER)`;
      return (await session.read<{ key: string }>(query))[0]?.key;
    },
    findSeqUpTo: async (key) => {
      const query = sql`SELECT seq FROM usage_objects WHERE r2_key <= ${key} ORDER BY r2_key DESC LIMIT 1`;
      return (await session.read<{ seq: number }>(query))[0]?.seq;
    },
    findUnknownKeys: async (keys) => {
      const rows = await session.read<{ key: string }>(sql`SELECT value AS "key" FROM json_each(${JSON.stringify(keys)})
        WHERE NOT EXISTS (SELECT 1 FROM usage_objects WHERE r2_key = value)`);
      return rows.map(({ key }) => key);
    },
    findMissing: (range, createdBeforeMs) => findMissing(session, range, createdBeforeMs),
    adopt: ({ tenantId, objects, nowMs, audit, trace }) =>
      session.commit([
        sql`INSERT INTO usage_objects (r2_key, tenant_id, hour, events, bytes, sha256, status, created_at)
          SELECT value ->> 'key', ${tenantId}, value ->> 'hour', value ->> 'events', value ->> 'bytes', value ->> 'sha256',
            'pending', ${formatInstant(nowMs)}
          FROM json_each(${JSON.stringify(objects)}) WHERE ${isNotGone(sql`${tenantId}`)}
          ON CONFLICT (r2_key) DO NOTHING`,
        requireChanged(objects.length),
        ...appendAudit([audit]),
        ...appendTrace([trace]),
      ]),
  };
}

async function findState(session: Session, job: string): Promise<ReconcileState | undefined> {
  const [state] = await session.read<{
    day: string;
    finished: number;
    cursorSeq: number | null;
    passedOver: number;
  }>(sql`
    SELECT report_json ->> '$.reconcile.day' AS day, report_json ->> '$.reconcile.finished' AS finished,
      report_json ->> '$.reconcile.cursor_seq' AS "cursorSeq",
      coalesce(report_json ->> '$.reconcile.passed_over', 0) AS "passedOver"
    FROM (SELECT report_json, started_at FROM job_runs WHERE job = ${job} ORDER BY started_at DESC
      LIMIT ${sql.raw(String(RUNS_SEARCHED_MAX))})
    WHERE report_json ->> '$.reconcile.day' IS NOT NULL ORDER BY started_at DESC LIMIT 1`);
  return state === undefined ? undefined : { ...state, finished: state.finished === 1 };
}

async function findMissing(
  session: Session,
  { after, upTo, keys }: KeyRange,
  createdBeforeMs: number,
): Promise<{ count: number; seqs: number[] }> {
  const rows = await session.read<{ seq: number; total: number }>(sql`SELECT seq, count(*) OVER () AS total
    FROM usage_objects
    WHERE r2_key > ${after ?? ""} AND (${upTo} IS NULL OR r2_key <= ${upTo})
      AND created_at < ${formatInstant(createdBeforeMs)} AND status <> 'quarantined'
      AND r2_key NOT IN (SELECT value FROM json_each(${JSON.stringify(keys)}))
      AND ${isNotGone(sql`usage_objects.tenant_id`)}
    ORDER BY seq LIMIT ${sql.raw(String(MISSING_LISTED_MAX))}`);
  return { count: rows[0]?.total ?? 0, seqs: rows.map(({ seq }) => seq) };
}
