import { R2_KEYS_PER_CALL_MAX } from "@prego/core/limits";
import { TENANT_PREFIXES, type TenantPrefix } from "@prego/core/tenant-data";
import { PLAN_LIST_PAGES_MAX } from "../limits.ts";
import type { PurgeStorage } from "./storage.ts";

const prefixes: readonly TenantPrefix[] = TENANT_PREFIXES;

export const findPrefix = (step: string): TenantPrefix | undefined => prefixes.find((entry) => entry.store === step);

/** Keys of the first page below a tenant's prefix. */
export async function listKeys(storage: PurgeStorage, entry: TenantPrefix, tenantId: string): Promise<string[]> {
  const { objects } = await storage.bucket.list({ prefix: entry.prefixOf(tenantId), limit: R2_KEYS_PER_CALL_MAX });
  return objects.map((object) => object.key);
}

export const deleteKeys = (storage: PurgeStorage, keys: string[]): Promise<void> => storage.bucket.delete(keys);

/** Objects of the tenant per prefix; a lower bound above a million of them. */
export async function countObjects(storage: PurgeStorage, tenantId: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const entry of prefixes) {
    let found = 0;
    let cursor: string | undefined;
    for (let page = 0; page < PLAN_LIST_PAGES_MAX; page += 1) {
      const listed: R2Objects = await storage.bucket.list({
        prefix: entry.prefixOf(tenantId),
        limit: R2_KEYS_PER_CALL_MAX,
        ...(cursor === undefined ? {} : { cursor }),
      });
      found += listed.objects.length;
      if (!listed.truncated) break;
      cursor = listed.cursor;
    }
    counts[entry.store] = found;
  }
  return counts;
}

/** Whether a prefix of the tenant still holds an object. */
export async function hasObjects(storage: PurgeStorage, tenantId: string): Promise<boolean> {
  for (const entry of prefixes) {
    const { objects } = await storage.bucket.list({ prefix: entry.prefixOf(tenantId), limit: 1 });
    if (objects.length > 0) return true;
  }
  return false;
}

/** Text of an object that is written once; a copy that is there already stays and is returned. */
export async function putOnce(storage: PurgeStorage, key: string, text: string): Promise<string> {
  const written = await storage.bucket.put(key, text, {
    onlyIf: { etagDoesNotMatch: "*" },
    httpMetadata: { contentType: "application/json" },
  });
  if (written !== null) return text;
  return (await readText(storage, key)) ?? text;
}

export const readText = async (storage: PurgeStorage, key: string): Promise<string | undefined> =>
  (await storage.bucket.get(key))?.text();

/** Keys below all prefixes of the tenant, at most a page of each. */
export async function listTenantKeys(storage: PurgeStorage, tenantId: string): Promise<string[]> {
  const keys: string[] = [];
  for (const entry of prefixes) keys.push(...(await listKeys(storage, entry, tenantId)));
  return keys;
}
