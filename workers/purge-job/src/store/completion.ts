import { sql } from "drizzle-orm";
import type { AuditEntry } from "@prego/core/audit";
import { PAGE_ROWS_MAX } from "@prego/core/limits";
import { formatInstant } from "@prego/core/period";
import { appendAudit, appendTrace, requireChanged, requireTrue } from "@prego/core/store";
import { TENANT_TABLES, type TenantTable } from "@prego/core/tenant-data";
import type { StepCounts } from "../domain/certificate.ts";
import { mayErase } from "./chunks.ts";
import type { RunningPurge } from "./purge-runs.ts";
import { read, write, type PurgeStorage } from "./storage.ts";
import { ERASED_TABLES, isEmptyOf, type TenantScope } from "./tenant-rows.ts";

/** Steps with their counts, in order. */
export async function listStepCounts(storage: PurgeStorage, purgeId: string): Promise<StepCounts[]> {
  const rows = await read<Omit<StepCounts, "detail"> & { detail: string | null }>(
    storage,
    sql`SELECT step, planned, deleted, detail_json AS detail FROM purge_steps WHERE purge_id = ${purgeId} ORDER BY position`,
  );
  return rows.map((row) => ({ ...row, detail: JSON.parse(row.detail ?? "{}") as Record<string, unknown> }));
}

/** What the last batch of a purge stores. */
export interface Completion {
  purge: RunningPurge;
  scope: TenantScope;
  slug: string;
  certificate: { key: string; text: string; sha256: string };
  /** What stays of the Stripe step. */
  stripeSummary: Record<string, unknown>;
  nowMs: number;
  audit: readonly AuditEntry[];
  traceEventId: string;
}

const tenantRow: TenantTable | undefined = (TENANT_TABLES as readonly TenantTable[]).find(
  (entry) => entry.table === "tenants_master",
);

/**
 * Makes the tenant `Purged`, and keeps the certificate's text, in one transaction that fails unless every table is empty of the
 * tenant, every step before is done and no hold stands. The object in R2 is written from this text afterwards.
 */
export async function completePurge(storage: PurgeStorage, completion: Completion): Promise<void> {
  const { purge, scope, certificate, nowMs } = completion;
  const now = formatInstant(nowMs);
  const redacted = tenantRow?.treatment.kind === "redact" ? tenantRow.treatment.columns : [];
  const emptied = sql.join(
    redacted.map((column) => sql`${sql.identifier(column)} = NULL`),
    sql`, `,
  );
  await write(storage, [
    requireTrue(mayErase(scope.tenantId)),
    requireTrue(
      sql`NOT EXISTS (SELECT 1 FROM purge_steps WHERE purge_id = ${purge.purgeId} AND status = 'pending' AND step <> 'certificate')`,
    ),
    requireTrue(
      sql.join(
        ERASED_TABLES.map((entry) => isEmptyOf(entry, scope)),
        sql` AND `,
      ),
    ),
    sql`UPDATE tenants_master SET status = 'Purged', status_changed_at = ${now}, updated_at = ${now},
        slug = ${completion.slug}, short_id = ${completion.slug}, ${emptied}
      WHERE tenant_id = ${scope.tenantId} AND status = 'Purging'`,
    requireChanged(),
    sql`UPDATE purge_runs SET status = 'completed', tenant_id = NULL, completed_at = ${now},
        certificate_key = ${certificate.key}, certificate_sha256 = ${certificate.sha256}
      WHERE purge_id = ${purge.purgeId} AND status = 'running'`,
    requireChanged(),
    sql`UPDATE purge_steps SET detail_json = ${JSON.stringify(completion.stripeSummary)}
      WHERE purge_id = ${purge.purgeId} AND step = 'stripe'`,
    sql`UPDATE purge_steps SET detail_json = ${certificate.text} WHERE purge_id = ${purge.purgeId} AND step = 'certificate'`,
    ...appendAudit(completion.audit),
    // The hash is in the audit row itself; its detail would be tenant data again.
    sql`DELETE FROM audit_details WHERE tenant_id = ${scope.tenantId}`,
    ...appendTrace([
      {
        id: completion.traceEventId,
        nowMs,
        traceId: purge.traceId,
        source: "purge-job",
        eventType: "purge.completed",
        tenantId: scope.tenantId,
        jobId: purge.purgeId,
      },
    ]),
  ]);
}

/** A certificate that is stored in D1 and not yet known to be in R2. */
export interface OwedCertificate {
  purgeId: string;
  key: string;
  text: string;
}

export const listOwedCertificates = (storage: PurgeStorage): Promise<OwedCertificate[]> =>
  read<OwedCertificate>(
    storage,
    sql`SELECT r.purge_id AS purgeId, r.certificate_key AS key, s.detail_json AS text
      FROM purge_runs r JOIN purge_steps s ON s.purge_id = r.purge_id
      WHERE r.status = 'completed' AND s.step = 'certificate' AND s.status = 'pending'
      ORDER BY r.purge_id LIMIT CAST(${PAGE_ROWS_MAX} AS INTEGER)`,
  );

export async function markDelivered(storage: PurgeStorage, purgeId: string, nowMs: number): Promise<void> {
  await write(storage, [
    sql`UPDATE purge_steps SET status = 'done', relisted = 0, finished_at = ${formatInstant(nowMs)}
      WHERE purge_id = ${purgeId} AND step = 'certificate' AND status = 'pending'`,
  ]);
}
