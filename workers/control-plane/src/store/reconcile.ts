import { and, asc, desc, eq, gt, isNotNull, notInArray, sql, type SQL } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { parseInstant } from "@prego/core/period";
import { jobRuns, stripeEvents, stripeSubscriptions, tenantsMaster } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import { ReconcilePass, type ReconcileHistory } from "../domain/reconcile-pass.ts";
import type { KnownSubscription } from "../domain/reconcile-plan.ts";

/** Name of the job in leases and runs. */
export const RECONCILE_JOB = "reconcile";

/** One bound parameter for any number of values. */
const isAmong = (column: SQLiteColumn, values: readonly string[]): SQL =>
  sql`${column} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`;

export async function listStoredEventIds(db: Database, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const rows = await db
    .select({ id: stripeEvents.eventId })
    .from(stripeEvents)
    .where(isAmong(stripeEvents.eventId, ids));
  return new Set(rows.map(({ id }) => id));
}

/** What is known of subscriptions: the newest state, the tenant that has it now, and the tenant of its customer. */
export async function readKnownSubscriptions(
  db: Database,
  subscriptions: readonly { id: string; customerId: string }[],
): Promise<ReadonlyMap<string, KnownSubscription>> {
  if (subscriptions.length === 0) return new Map();
  const ids = subscriptions.map(({ id }) => id);
  const customers = subscriptions.map(({ customerId }) => customerId);
  const [rows, tenants, customerTenants] = await db.batch([
    db.select().from(stripeSubscriptions).where(isAmong(stripeSubscriptions.subscriptionId, ids)),
    db.select().from(tenantsMaster).where(isAmong(tenantsMaster.stripeSubscriptionId, ids)),
    db.select().from(tenantsMaster).where(isAmong(tenantsMaster.stripeCustomerId, customers)),
  ]);
  const rowOf = new Map(rows.map((row) => [row.subscriptionId, row]));
  const tenantOf = new Map(tenants.map((tenant) => [tenant.stripeSubscriptionId, tenant]));
  const tenantOfCustomer = new Map(customerTenants.map((tenant) => [tenant.stripeCustomerId, tenant]));
  return new Map(
    subscriptions.map(({ id, customerId }) => [
      id,
      { row: rowOf.get(id), tenant: tenantOf.get(id), customerTenant: tenantOfCustomer.get(customerId) },
    ]),
  );
}

/** Tenants that are not being erased and name a subscription, in order of their ids. */
export async function listLinkedTenants(
  db: Database,
  after: string,
  limit: number,
): Promise<{ tenantId: string; subscriptionId: string }[]> {
  const rows = await db
    .select({ tenantId: tenantsMaster.tenantId, subscriptionId: tenantsMaster.stripeSubscriptionId })
    .from(tenantsMaster)
    .where(
      and(
        gt(tenantsMaster.tenantId, after),
        isNotNull(tenantsMaster.stripeSubscriptionId),
        notInArray(tenantsMaster.status, ["Purging", "Purged"]),
      ),
    )
    .orderBy(asc(tenantsMaster.tenantId))
    .limit(limit);
  return rows.map(({ tenantId, subscriptionId }) => ({ tenantId, subscriptionId: subscriptionId ?? "" }));
}

/** Where the newest run that got anywhere stands, and whether the newest run of all failed. */
export async function readReconcileHistory(db: Database): Promise<ReconcileHistory> {
  const newest = desc(jobRuns.startedAt);
  const ofJob = eq(jobRuns.job, RECONCILE_JOB);
  const [passes, runs] = await db.batch([
    db
      .select({ pass: sql<string>`${jobRuns.reportJson} -> '$.pass'` })
      .from(jobRuns)
      .where(and(ofJob, sql`${jobRuns.reportJson} -> '$.pass' IS NOT NULL`))
      .orderBy(newest, desc(jobRuns.runId))
      .limit(1),
    db
      .select({ status: jobRuns.status, startedAt: jobRuns.startedAt })
      .from(jobRuns)
      .where(ofJob)
      .orderBy(newest, desc(jobRuns.runId))
      .limit(1),
  ]);
  const [stored] = passes;
  const [run] = runs;
  const pass = stored === undefined ? undefined : ReconcilePass.safeParse(JSON.parse(stored.pass)).data;
  const isFailure = run?.status === "failed" || run?.status === "abandoned";
  return { pass, failedAtMs: isFailure ? parseInstant(run.startedAt) : undefined };
}
