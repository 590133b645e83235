import type { AuditEntry } from "@prego/core/audit";
import { formatInstant } from "@prego/core/period";
import { appendAudit, appendTrace, requireChanged, type TraceEvent } from "@prego/core/store";
import { type SQL, sql } from "drizzle-orm";
import { COUNTED_ROWS_MAX, PENDING_PAGE_ROWS } from "../limits.ts";
import type { PendingObject, QueuePlace } from "../plan.ts";
import { isNotGone } from "./live-tenant.ts";
import type { Session } from "./session.ts";

/** An object that is put aside, with the records of that. */
export interface Quarantine {
  seq: number;
  reason: string;
  nowMs: number;
  audit: AuditEntry;
  trace: TraceEvent;
}

/** The queue of raw objects: `usage_objects`. */
export interface ObjectStore {
  /** The next waiting objects, those that failed least and were stored first, those of purged tenants left out. */
  findPending: (after: QueuePlace, limit?: number) => Promise<PendingObject[]>;
  /** Puts waiting objects behind those that failed less. */
  noteFailed: (seqs: readonly number[]) => Promise<void>;
  /** Which of these still wait. */
  findStillPending: (seqs: readonly number[]) => Promise<Set<number>>;
  /** Trace ids of the tenants that exist and take usage; null for one without. */
  findTenantTraces: (tenantIds: readonly string[]) => Promise<Map<string, string | null>>;
  /** Aborts with a guard failure when the object no longer waits. */
  quarantine: (quarantine: Quarantine) => Promise<void>;
  countBacklog: () => Promise<{ pending: number; quarantined: number }>;
}

export function createObjectStore(session: Session): ObjectStore {
  return {
    findPending: async (after, limit = PENDING_PAGE_ROWS) => {
      const untried = after.failures > 0 ? [] : await readPage(session, untriedAfter(after.seq), limit);
      return untried.length > 0 ? untried : readPage(session, failedAfter(after), limit);
    },
    noteFailed: (seqs) =>
      session.commit([
        sql`UPDATE usage_objects SET failures = failures + 1
          WHERE seq IN (SELECT value FROM json_each(${JSON.stringify(seqs)})) AND ${waits}`,
      ]),
    findStillPending: async (seqs) => {
      const rows = await session.read<{ seq: number }>(sql`SELECT seq FROM usage_objects
        WHERE seq IN (SELECT value FROM json_each(${JSON.stringify(seqs)})) AND ${waits}`);
      return new Set(rows.map(({ seq }) => seq));
    },
    findTenantTraces: async (tenantIds) => {
      const rows = await session.read<{ tenantId: string; traceId: string | null }>(sql`
        SELECT tenant_id AS "tenantId", trace_id AS "traceId" FROM tenants_master
        WHERE tenant_id IN (SELECT value FROM json_each(${JSON.stringify(tenantIds)}))
          AND ${isNotGone(sql`tenants_master.tenant_id`)}`);
      return new Map(rows.map(({ tenantId, traceId }) => [tenantId, traceId]));
    },
    quarantine: ({ seq, reason, nowMs, audit, trace }) =>
      session.commit([
        sql`UPDATE usage_objects SET status = 'quarantined', error = ${reason}, processed_at = ${formatInstant(nowMs)}
          WHERE seq = CAST(${seq} AS INTEGER) AND ${waits}`,
        requireChanged(),
        ...appendAudit([audit]),
        ...appendTrace([trace]),
      ]),
    countBacklog: async () => {
      const [counts] = await session.read<{ pending: number; quarantined: number }>(sql`SELECT
        (SELECT count(*) FROM (SELECT 1 FROM usage_objects WHERE ${waits} LIMIT ${sql.raw(String(COUNTED_ROWS_MAX))})) AS pending,
        (SELECT count(*) FROM (SELECT 1 FROM usage_objects WHERE status = 'quarantined' LIMIT ${sql.raw(String(COUNTED_ROWS_MAX))})) AS quarantined`);
      return counts ?? { pending: 0, quarantined: 0 };
    },
  };
}

const readPage = (session: Session, part: SQL, limit: number): Promise<PendingObject[]> =>
  session.read(sql`SELECT seq, r2_key AS "key", tenant_id AS "tenantId", hour, events, bytes, sha256, failures
    FROM usage_objects WHERE ${waits} AND ${part} LIMIT CAST(${limit} AS INTEGER)`);

// Each part is read along the index that holds it.
const untriedAfter = (seq: number): SQL => sql`failures = 0 AND seq > CAST(${seq} AS INTEGER) ORDER BY seq`;
const failedAfter = ({ failures, seq }: QueuePlace): SQL =>
  sql`failures > 0 AND (failures, seq) > (CAST(${failures} AS INTEGER), CAST(${seq} AS INTEGER)) ORDER BY failures, seq`;

// The word stands in the text, not in a parameter: only then does SQLite use the partial index.
const waits: SQL = sql`status = 'pending' AND ${isNotGone(sql`usage_objects.tenant_id`)}`;

/** Marks waiting objects done; the statement after it must check how many it changed. */
export const markDone = (seqs: readonly number[], nowMs: number): SQL =>
  sql`UPDATE usage_objects SET status = 'done', processed_at = ${formatInstant(nowMs)}
    WHERE seq IN (SELECT value FROM json_each(${JSON.stringify(seqs)})) AND ${waits}`;
