import { and, asc, desc, eq, lte, sql } from "drizzle-orm";
import { formatInstant } from "@prego/core/period";
import { auditDetails, auditLogs, plans, provisionJobs, tenantsMaster } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import type { OfferState, Signup, Wish } from "../domain/onboarding.ts";

/** Whether some tenant, a deleted one's placeholder aside, has the name. */
export async function isSlugTaken(db: Database, slug: string): Promise<boolean> {
  const rows = await db.select({ slug: tenantsMaster.slug }).from(tenantsMaster).where(eq(tenantsMaster.slug, slug));
  return rows.length > 0;
}

const METERED_PRICE_IDS = sql<
  string[]
>`(SELECT json_group_array(m.stripe_price_id ORDER BY m.meter_key) FROM plan_meters m
  WHERE m.plan_id = plans.plan_id AND m.version = plans.version AND m.stripe_price_id IS NOT NULL)`.mapWith(
  (text: string) => JSON.parse(text) as string[],
);

/** What decides whether a wish can be met: the plan in force, the region, the name. */
export async function readOffer(db: Database, wish: Wish, nowMs: number): Promise<OfferState> {
  const [offered, known, taken] = await db.batch([
    db
      .select({ planId: plans.planId, stripePriceId: plans.stripePriceId, meteredPriceIds: METERED_PRICE_IDS })
      .from(plans)
      .where(and(eq(plans.planId, wish.plan), lte(plans.effectiveFrom, formatInstant(nowMs))))
      .orderBy(desc(plans.effectiveFrom), desc(plans.version))
      .limit(1),
    db
      .select({
        isKnown: sql<number>`EXISTS (SELECT 1 FROM scaling_regions WHERE region = ${wish.region})
          OR EXISTS (SELECT 1 FROM nodes WHERE region = ${wish.region})`,
      })
      .from(sql`(SELECT 1)`),
    db.select({ slug: tenantsMaster.slug }).from(tenantsMaster).where(eq(tenantsMaster.slug, wish.slug)),
  ]);
  return { plan: offered[0], isRegionKnown: known[0]?.isKnown === 1, isSlugTaken: taken.length > 0 };
}

/** The signup that made a tenant: its first job, and the digest of its request while the audit detail is kept. */
export async function findSignup(db: Database, tenantId: string): Promise<Signup | undefined> {
  const [tenants, jobs, details] = await db.batch([
    db.select().from(tenantsMaster).where(eq(tenantsMaster.tenantId, tenantId)),
    db
      .select({ jobId: provisionJobs.jobId })
      .from(provisionJobs)
      .where(and(eq(provisionJobs.tenantId, tenantId), eq(provisionJobs.kind, "provision")))
      .orderBy(asc(provisionJobs.createdAt), asc(provisionJobs.jobId))
      .limit(1),
    db
      .select({ sha256: sql<string | null>`${auditDetails.detailJson} ->> '$.request_sha256'` })
      .from(auditLogs)
      .innerJoin(auditDetails, eq(auditDetails.commitment, auditLogs.detailCommitment))
      .where(and(eq(auditLogs.tenantId, tenantId), eq(auditLogs.action, "tenant.created")))
      .limit(1),
  ]);
  const [[tenant], [job]] = [tenants, jobs];
  if (tenant === undefined || job === undefined) return undefined;
  return { tenant, jobId: job.jobId, requestSha256: details[0]?.sha256 ?? null };
}
