import { createHash } from "node:crypto";
import { isGuardFailure } from "@prego/core/d1-error";
import { formatInstant } from "@prego/core/period";
import { commit, openDatabase, requireTrue, type Statement } from "@prego/core/store";
import { sql } from "drizzle-orm";
import { findTenantAnswers, type TenantAnswer } from "./tenants.ts";

/** An object of raw usage that lies in R2. */
export interface StoredObject {
  key: string;
  hour: string;
  events: number;
  bytes: number;
  sha256: string;
}

/** Everything outside of itself that a usage buffer touches. Each call may be repeated. */
export interface RawUsageStore {
  findTenant: (tenantId: string) => Promise<TenantAnswer>;
  /** Creates an object, or finds that it is there already; returns its SHA-256 in hex. */
  putObject: (key: string, bytes: Uint8Array) => Promise<string>;
  /** Makes objects known as pending; `gone` and nothing written if the tenant is being purged. */
  recordObjects: (tenantId: string, objects: readonly StoredObject[], nowMs: number) => Promise<"recorded" | "gone">;
  deleteObjects: (keys: readonly string[]) => Promise<void>;
}

/** An object of the same name but with other content is in R2. Nothing may go on: one of the two would be lost. */
export class ObjectDiffersError extends Error {
  override readonly name = "ObjectDiffersError";
}

const DELETE_KEYS_MAX = 1_000;

/** The store of raw usage in R2 and D1. */
export function createRawUsageStore(database: D1Database, bucket: R2Bucket): RawUsageStore {
  const db = openDatabase(database);
  return {
    findTenant: async (tenantId) => (await findTenantAnswers(db, [tenantId])).get(tenantId) ?? "unknown",
    putObject: async (key, bytes) => {
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const onlyIf = { etagDoesNotMatch: "*" };
      const httpMetadata = { contentType: "application/x-ndjson" };
      if ((await bucket.put(key, bytes, { onlyIf, sha256, httpMetadata })) !== null) return sha256;
      const existing = await bucket.head(key);
      if (existing === null) throw new Error("the object vanished while it was created");
      if (existing.checksums.toJSON().sha256 !== sha256) throw new ObjectDiffersError("another object has this name");
      return sha256;
    },
    recordObjects: async (tenantId, objects, nowMs) => {
      try {
        await commit(db, [
          requireTrue(
            sql`NOT EXISTS (SELECT 1 FROM tenants_master WHERE tenant_id = ${tenantId} AND status IN ('Purging', 'Purged'))`,
          ),
          sql`INSERT INTO usage_objects (r2_key, tenant_id, hour, events, bytes, sha256, status, created_at)
            SELECT value ->> 'key', ${tenantId}, value ->> 'hour', value ->> 'events', value ->> 'bytes', value ->> 'sha256',
              'pending', ${formatInstant(nowMs)}
            FROM json_each(${JSON.stringify(objects)}) WHERE true ON CONFLICT (r2_key) DO NOTHING`,
          noteFirstStored(tenantId, nowMs),
        ]);
        return "recorded";
      } catch (error) {
        if (isGuardFailure(error)) return "gone";
        throw error;
      }
    },
    deleteObjects: async (keys) => {
      for (let start = 0; start < keys.length; start += DELETE_KEYS_MAX) {
        await bucket.delete(keys.slice(start, start + DELETE_KEYS_MAX));
      }
    },
  };
}

/** The first stored usage is a step of the tenant's journey; its fixed id makes every later one free. */
const noteFirstStored = (tenantId: string, nowMs: number): Statement =>
  sql`INSERT INTO trace_events (id, ts, trace_id, source, event_type, tenant_id, level)
    SELECT 'trc_first_stored_' || tenant_id, ${formatInstant(nowMs)}, trace_id, 'usage-writer', 'usage.first_stored',
      tenant_id, 'info'
    FROM tenants_master WHERE trace_id IS NOT NULL AND tenant_id = ${tenantId}
    ON CONFLICT (id) DO NOTHING`;
