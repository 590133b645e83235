import { hmacSha256Hex } from "@prego/core/auth";

/** What stands for a tenant once its id is gone. */
export interface KeyedNames {
  /** HMAC-SHA-256 of the tenant id, hex: proves a purge to whoever knows id and key. */
  tombstone: string;
  /** Tenant id of the money rows that stay. */
  pseudonym: string;
  /** Slug and short id of the purged tenant's row. */
  slug: string;
}

/**
 * Derives them under the purge key. The pseudonym is hashed from a text of its own: certificates publish the tombstone, and from
 * it nobody may tell whose figures are whose.
 */
export async function deriveKeyedNames(purgeKey: string, tenantId: string): Promise<KeyedNames> {
  const tombstone = await hmacSha256Hex(purgeKey, tenantId);
  const pseudonymHash = await hmacSha256Hex(purgeKey, `pseudonym:${tenantId}`);
  return {
    tombstone,
    pseudonym: `pseudo_${pseudonymHash.slice(0, 32)}`,
    slug: `purged-${tombstone.slice(0, 24)}`,
  };
}
