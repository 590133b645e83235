import { and, asc, desc, eq, gt, or } from "drizzle-orm";
import { provisionJobs, stripeSubscriptions, tenantsMaster } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import type { TenantState } from "@prego/core/tenant-state";
import type { JobRow, SubscriptionRow, TenantRow } from "../domain/rows.ts";
import { TENANT_JOBS_SHOWN_MAX } from "../intake-limits.ts";

/** Where a page of tenants ends: the tenant it shows last. */
export interface TenantPosition {
  createdAt: string;
  tenantId: string;
}

/** Tenants in the order of their creation, from after a position on. */
export async function listTenants(
  db: Database,
  page: { status: TenantState | undefined; after: TenantPosition | undefined; limit: number },
): Promise<TenantRow[]> {
  const { status, after, limit } = page;
  return db
    .select()
    .from(tenantsMaster)
    .where(
      and(
        status === undefined ? undefined : eq(tenantsMaster.status, status),
        after === undefined
          ? undefined
          : or(
              gt(tenantsMaster.createdAt, after.createdAt),
              and(eq(tenantsMaster.createdAt, after.createdAt), gt(tenantsMaster.tenantId, after.tenantId)),
            ),
      ),
    )
    .orderBy(asc(tenantsMaster.createdAt), asc(tenantsMaster.tenantId))
    .limit(limit);
}

/** One tenant with its newest jobs, newest first, and the subscription that is in force. */
export interface TenantRecord {
  tenant: TenantRow;
  jobs: JobRow[];
  subscription: SubscriptionRow | undefined;
}

export async function findTenantRecord(db: Database, tenantId: string): Promise<TenantRecord | undefined> {
  const [tenants, jobs, subscriptions] = await db.batch([
    db.select().from(tenantsMaster).where(eq(tenantsMaster.tenantId, tenantId)),
    db
      .select()
      .from(provisionJobs)
      .where(eq(provisionJobs.tenantId, tenantId))
      .orderBy(desc(provisionJobs.createdAt), desc(provisionJobs.jobId))
      .limit(TENANT_JOBS_SHOWN_MAX),
    db
      .select({ subscription: stripeSubscriptions })
      .from(stripeSubscriptions)
      .innerJoin(tenantsMaster, eq(tenantsMaster.stripeSubscriptionId, stripeSubscriptions.subscriptionId))
      .where(eq(tenantsMaster.tenantId, tenantId)),
  ]);
  const [tenant] = tenants;
  return tenant === undefined ? undefined : { tenant, jobs, subscription: subscriptions[0]?.subscription };
}
