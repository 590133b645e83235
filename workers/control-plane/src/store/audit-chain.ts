import { asc, desc, isNotNull, isNull, sql } from "drizzle-orm";
import { auditLogs } from "@prego/core/schema";
import { commit, type Database } from "@prego/core/store";
import { AUDIT_SEALS_PER_TICK_MAX } from "../limits.ts";

export type AuditRow = typeof auditLogs.$inferSelect;

/** The chain columns of one row. */
export interface Seal {
  seq: number;
  prevHash: string;
  hash: string;
}

/** The newest sealed row. */
export interface SealedHead {
  seq: number;
  ts: string;
  hash: string;
}

const headQuery = (db: Database) =>
  db
    .select({ seq: auditLogs.seq, ts: auditLogs.ts, hash: auditLogs.hash })
    .from(auditLogs)
    .where(isNotNull(auditLogs.hash))
    .orderBy(desc(auditLogs.seq))
    .limit(1);

export async function readSealedHead(db: Database): Promise<SealedHead | undefined> {
  return asHead((await headQuery(db))[0]);
}

/** The head and the rows to chain to it, read in one transaction: another run may be sealing them right now. */
export async function readUnsealedTail(db: Database): Promise<{ head: SealedHead | undefined; rows: AuditRow[] }> {
  const unsealed = db
    .select()
    .from(auditLogs)
    .where(isNull(auditLogs.hash))
    .orderBy(asc(auditLogs.seq))
    .limit(AUDIT_SEALS_PER_TICK_MAX);
  const [heads, rows] = await db.batch([headQuery(db), unsealed]);
  return { head: asHead(heads[0]), rows };
}

const asHead = (row: { seq: number; ts: string; hash: string | null } | undefined): SealedHead | undefined =>
  row === undefined || row.hash === null ? undefined : { ...row, hash: row.hash };

/** Fills the chain columns of rows that have none yet. All of them in one statement, so the chain never has a hole. */
export async function sealRows(db: Database, seals: readonly Seal[]): Promise<number> {
  const rows = JSON.stringify(seals.map(({ seq, prevHash, hash }) => [seq, prevHash, hash]));
  const [result] = await commit(db, [
    sql`UPDATE audit_logs SET prev_hash = s.value ->> 1, hash = s.value ->> 2
      FROM json_each(${rows}) AS s
      WHERE audit_logs.seq = CAST(s.value ->> 0 AS INTEGER) AND audit_logs.hash IS NULL`,
  ]);
  return result?.meta.changes ?? 0;
}
