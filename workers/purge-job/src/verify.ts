import { sha256Hex } from "@prego/core/auth";
import type { Deps } from "./deps.ts";
import { tombstoneKey } from "./domain/certificate.ts";
import { deriveKeyedNames } from "./domain/keyed-names.ts";
import { findJourneyTraceId } from "./store/candidates.ts";
import { countObjects, readText } from "./store/objects.ts";
import { countResidue } from "./store/tenant-rows.ts";
import { countCertificateAudits, findPurgeRecord, findTenantStatus, type PurgeRecord } from "./store/verification.ts";

/** Everything that does not agree with the certificate; empty when all does. */
export interface Verification {
  ok: boolean;
  findings: string[];
}

/**
 * Checks a purge again for someone who still knows the tenant id: that the tombstone is of this id, that the certificate is the one
 * the audit log names, and that every store lists nothing.
 */
export async function verifyCertificate(
  deps: Pick<Deps, "storage" | "purgeKey">,
  claim: { purgeId: string; tenantId: string },
): Promise<Verification> {
  const { storage, purgeKey } = deps;
  const record = await findPurgeRecord(storage, claim.purgeId);
  if (record === undefined) return conclude(["there is no such purge"]);
  if (purgeKey === undefined) return conclude(["PURGE_KEY is not set"]);
  const names = await deriveKeyedNames(purgeKey, claim.tenantId);
  if (names.tombstone !== record.tombstone) return conclude(["the tombstone is not of this tenant id"]);
  const findings: string[] = [];
  if (record.status !== "completed") findings.push("the purge is not completed");
  if ((await findTenantStatus(storage, claim.tenantId)) !== "Purged") findings.push("the tenant is not Purged");
  const tombstone = await readText(storage, tombstoneKey(record.tombstone));
  if (tombstone === undefined) findings.push("the tombstone is missing");
  findings.push(...(await checkCertificate(deps, record)));
  const journeyTraceId = await findJourneyTraceId(storage, claim.tenantId);
  const scope = { tenantId: claim.tenantId, pseudonym: names.pseudonym, journeyTraceId };
  const counts = { ...(await countObjects(storage, claim.tenantId)), ...(await countResidue(storage, scope)) };
  for (const [store, count] of Object.entries(counts)) if (count > 0) findings.push(`${store} still holds ${count}`);
  return conclude(findings);
}

async function checkCertificate({ storage }: Pick<Deps, "storage">, record: PurgeRecord): Promise<string[]> {
  const { certificateKey: key, certificateSha256: sha256 } = record;
  const text = key === null ? undefined : await readText(storage, key);
  if (text === undefined) return ["the certificate is missing"];
  if ((await sha256Hex(text)) !== sha256) return ["the certificate was changed"];
  const audits = await countCertificateAudits(storage, `${key}#sha256=${sha256}`);
  return audits === 1 ? [] : ["the audit log does not name the certificate once"];
}

const conclude = (findings: string[]): Verification => ({ ok: findings.length === 0, findings });
