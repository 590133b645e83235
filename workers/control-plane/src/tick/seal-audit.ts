import { AUDIT_GENESIS_HASH, auditRowHash } from "@prego/core/audit";
import type { Deps } from "../deps.ts";
import { readUnsealedTail, sealRows, type Seal } from "../store/audit-chain.ts";

/**
 * Chains the rows that are not sealed yet, in order of `seq`. The hashes depend on the rows alone, so two runs at once
 * write the same, and each row takes its seal once.
 */
export async function sealAuditLog(deps: Deps): Promise<{ sealed: number }> {
  const { head, rows } = await readUnsealedTail(deps.db);
  let prevHash = head?.hash ?? AUDIT_GENESIS_HASH;
  const seals: Seal[] = [];
  for (const row of rows) {
    const hash = await auditRowHash(prevHash, row);
    seals.push({ seq: row.seq, prevHash, hash });
    prevHash = hash;
  }
  return { sealed: seals.length === 0 ? 0 : await sealRows(deps.db, seals) };
}
