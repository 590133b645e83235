import { sql } from "drizzle-orm";
import { read, type PurgeStorage } from "./storage.ts";

/** What D1 says of a finished purge. */
export interface PurgeRecord {
  tombstone: string;
  status: string;
  certificateKey: string | null;
  certificateSha256: string | null;
}

export async function findPurgeRecord(storage: PurgeStorage, purgeId: string): Promise<PurgeRecord | undefined> {
  const [record] = await read<PurgeRecord>(
    storage,
    sql`SELECT tombstone, status, certificate_key AS certificateKey, certificate_sha256 AS certificateSha256
      FROM purge_runs WHERE purge_id = ${purgeId}`,
  );
  return record;
}

export async function findTenantStatus(storage: PurgeStorage, tenantId: string): Promise<string | undefined> {
  const [row] = await read<{ status: string }>(
    storage,
    sql`SELECT status FROM tenants_master WHERE tenant_id = ${tenantId}`,
  );
  return row?.status;
}

/** Rows of the audit log that bind a certificate's hash; exactly one is right. */
export async function countCertificateAudits(storage: PurgeStorage, target: string): Promise<number> {
  const [row] = await read<{ n: number }>(
    storage,
    sql`SELECT count(*) AS n FROM audit_logs WHERE action = 'purge.completed' AND target = ${target}`,
  );
  return row?.n ?? 0;
}
