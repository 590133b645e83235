import { eq } from "drizzle-orm";
import { tenantsMaster } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import type { TenantRow } from "../domain/rows.ts";

export async function findTenant(db: Database, tenantId: string): Promise<TenantRow | undefined> {
  return (await db.select().from(tenantsMaster).where(eq(tenantsMaster.tenantId, tenantId)))[0];
}
