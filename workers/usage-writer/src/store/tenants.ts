import { tenantsMaster } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import { acceptsUsage } from "@prego/core/tenant-state";
import { TENANT_CACHE_ENTRIES_MAX, TENANT_CACHE_MS_MAX } from "@prego/core/limits";
import { sql } from "drizzle-orm";
import { askDatabase } from "./ask-database.ts";
import { UNKNOWN_TENANT_CACHE_MS } from "../limits.ts";

/** Whether usage of a tenant is taken; `gone` while and after it is purged. */
export type TenantAnswer = "accept" | "gone" | "unknown";

/** Reads tenants in one query; one that is not in the answer does not exist. */
export async function findTenantAnswers(
  db: Database,
  tenantIds: readonly string[],
): Promise<Map<string, TenantAnswer>> {
  const rows = await db
    .select({ tenantId: tenantsMaster.tenantId, status: tenantsMaster.status })
    .from(tenantsMaster)
    .where(sql`${tenantsMaster.tenantId} IN (SELECT value FROM json_each(${JSON.stringify(tenantIds)}))`);
  return new Map(rows.map(({ tenantId, status }) => [tenantId, acceptsUsage(status)]));
}

/** A bounded memory of tenants; nothing in it is older than TENANT_CACHE_MS_MAX. */
export class TenantCache {
  readonly #entries = new Map<string, { answer: TenantAnswer; untilMs: number }>();

  async find(db: Database, tenantIds: ReadonlySet<string>, nowMs: number): Promise<ReadonlyMap<string, TenantAnswer>> {
    const answers = new Map<string, TenantAnswer>();
    const missing: string[] = [];
    for (const tenantId of tenantIds) {
      const entry = this.#entries.get(tenantId);
      if (entry !== undefined && nowMs < entry.untilMs) answers.set(tenantId, entry.answer);
      else missing.push(tenantId);
    }
    if (missing.length === 0) return answers;
    const found = await askDatabase(() => findTenantAnswers(db, missing));
    for (const tenantId of missing) {
      const answer = found.get(tenantId) ?? "unknown";
      answers.set(tenantId, answer);
      this.#remember(tenantId, answer, nowMs);
    }
    return answers;
  }

  #remember(tenantId: string, answer: TenantAnswer, nowMs: number): void {
    // Insertion order is age here, so the first key is the oldest entry.
    this.#entries.delete(tenantId);
    if (this.#entries.size >= TENANT_CACHE_ENTRIES_MAX) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    const ageMsMax = answer === "unknown" ? UNKNOWN_TENANT_CACHE_MS : TENANT_CACHE_MS_MAX;
    this.#entries.set(tenantId, { answer, untilMs: nowMs + ageMsMax });
  }
}
