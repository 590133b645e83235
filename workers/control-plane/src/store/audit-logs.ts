import { and, desc, eq, getTableColumns, gte, lt } from "drizzle-orm";
import { auditDetails, auditLogs } from "@prego/core/schema";
import type { Database } from "@prego/core/store";

/** A row of the log; `detailJson` is null once a purge has removed it. */
export type AuditPageRow = typeof auditLogs.$inferSelect & { detailJson: string | null };

/** One page of the log, newest first. */
export async function listAuditLogs(
  db: Database,
  page: { tenantId: string | undefined; since: string | undefined; beforeSeq: number | undefined; limit: number },
): Promise<{ rows: AuditPageRow[]; hasMore: boolean }> {
  const rows = await db
    .select({ ...getTableColumns(auditLogs), detailJson: auditDetails.detailJson })
    .from(auditLogs)
    .leftJoin(auditDetails, eq(auditDetails.commitment, auditLogs.detailCommitment))
    .where(
      and(
        page.tenantId === undefined ? undefined : eq(auditLogs.tenantId, page.tenantId),
        page.since === undefined ? undefined : gte(auditLogs.ts, page.since),
        page.beforeSeq === undefined ? undefined : lt(auditLogs.seq, page.beforeSeq),
      ),
    )
    .orderBy(desc(auditLogs.seq))
    .limit(page.limit + 1);
  return { rows: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
}
