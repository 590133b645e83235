import { acceptsUsage, TENANT_STATES } from "@prego/core/tenant-state";
import { type SQL, sql } from "drizzle-orm";

const GONE = JSON.stringify(TENANT_STATES.filter((state) => acceptsUsage(state) === "gone"));

/** True unless the tenant is being purged or was: nothing may be written for it any more. An unknown tenant is not gone. */
export const isNotGone = (tenantId: SQL): SQL =>
  sql`NOT EXISTS (SELECT 1 FROM tenants_master t WHERE t.tenant_id = ${tenantId}
    AND t.status IN (SELECT value FROM json_each(${GONE})))`;
