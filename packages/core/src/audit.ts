import { sha256Hex, toHex } from "./auth.ts";

/** What changed, as the caller states it. `detail` may hold personal data: it goes to a side table that a purge removes. */
export interface AuditChange {
  /** `stripe`, `cron:<job>`, `operator:<key id>`, `provisioner:<run>`, `node:<id>`. */
  actor: string;
  /** Verb of the change, such as `tenant.created`. */
  action: string;
  /** What was changed, such as `tenants_master/ten_…`. */
  target: string;
  tenantId?: string | null;
  traceId?: string | null;
  detail?: Record<string, unknown>;
}

/** An audit row and its detail, ready to be written in the batch of the change. */
export interface AuditEntry {
  ts: string;
  actor: string;
  action: string;
  target: string;
  tenantId: string | null;
  traceId: string | null;
  detailCommitment: string;
  salt: string;
  detailJson: string;
}

/**
 * Makes an audit entry whose detail is bound by `SHA-256(salt || canonical JSON)`.
 * @param salt 32 random bytes, so that a removed detail cannot be guessed from its commitment.
 */
export async function createAuditEntry(
  change: AuditChange,
  context: { nowMs: number; salt: Uint8Array },
): Promise<AuditEntry> {
  const salt = toHex(context.salt);
  const detailJson = canonicalJson(change.detail ?? {});
  return {
    ts: new Date(context.nowMs).toISOString(),
    actor: change.actor,
    action: change.action,
    target: change.target,
    tenantId: change.tenantId ?? null,
    traceId: change.traceId ?? null,
    detailCommitment: await auditCommitment(salt, detailJson),
    salt,
    detailJson,
  };
}

/** Commitment of an audit detail, hex. */
export const auditCommitment = (salt: string, detailJson: string): Promise<string> => sha256Hex(salt + detailJson);

/** The part of an audit row that the chain binds. */
export interface AuditChainRow {
  seq: number;
  ts: string;
  actor: string;
  action: string;
  tenantId: string | null;
  target: string;
  traceId: string | null;
  detailCommitment: string;
}

/** Hash before the first row. */
export const AUDIT_GENESIS_HASH = "0".repeat(64);

/** Chain hash of a row, hex: format version, previous hash and every column, as one JSON array (injective). */
export function auditRowHash(prevHash: string, row: AuditChainRow): Promise<string> {
  return sha256Hex(
    JSON.stringify([
      "audit-v1",
      prevHash,
      row.seq,
      row.ts,
      row.actor,
      row.action,
      row.tenantId,
      row.target,
      row.traceId,
      row.detailCommitment,
    ]),
  );
}

/** A row of the log as stored; `hash` is null while it waits to be sealed. */
export interface SealedAuditRow extends AuditChainRow {
  prevHash: string | null;
  hash: string | null;
}

/**
 * Checks consecutive sealed rows in order of `seq`.
 * @param prevHash hash of the row before the first, {@link AUDIT_GENESIS_HASH} at the beginning.
 * @returns the last hash, or the first row that does not fit.
 */
export async function verifyAuditChain(
  rows: readonly SealedAuditRow[],
  prevHash: string,
): Promise<{ ok: true; headHash: string } | { ok: false; seq: number }> {
  let head = prevHash;
  let seq: number | undefined;
  for (const row of rows) {
    const expected = await auditRowHash(head, row);
    if (row.prevHash !== head || row.hash !== expected || (seq !== undefined && row.seq !== seq + 1)) {
      return { ok: false, seq: row.seq };
    }
    head = expected;
    seq = row.seq;
  }
  return { ok: true, headHash: head };
}

/** JSON with keys in code-unit order at every depth: one text for one value. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) {
      return inner;
    }
    const record = inner as Record<string, unknown>;
    return Object.fromEntries(
      Object.keys(record)
        .toSorted()
        .map((key) => [key, record[key]]),
    );
  });
}
