import { and, asc, desc, eq, gt, or, sql, type SQL } from "drizzle-orm";
import { METERS_MAX } from "@prego/core/limits";
import { Price } from "@prego/core/pricing";
import { exact, meters, planMeters, plans } from "@prego/core/schema";
import { requireTrue, type Database, type Statement } from "@prego/core/store";
import { pricesOf, type PlanMeterTerms, type PlanTerms, type PlanVersion } from "../domain/plan-version.ts";
import { fromPrice, toPrice } from "../domain/wire-price.ts";

export type MeterRow = typeof meters.$inferSelect;

/** Where a page of plan versions ends. */
export interface PlanPosition {
  planId: string;
  version: number;
}

const PLAN_COLUMNS = {
  planId: plans.planId,
  version: plans.version,
  name: plans.name,
  currency: plans.currency,
  billingMode: plans.billingMode,
  // Through exact(), where null stays null.
  poolIncluded: sql<bigint | null>`CAST(${plans.poolIncluded} AS TEXT)`.mapWith((text: string) => BigInt(text)),
  stripePriceId: plans.stripePriceId,
  effectiveFrom: plans.effectiveFrom,
  createdAt: plans.createdAt,
};

/** Versions of all plans, oldest version of a plan first. */
export async function listPlanVersions(
  db: Database,
  page: { after: PlanPosition | undefined; limit: number },
): Promise<PlanVersion[]> {
  const { after, limit } = page;
  const rows = await db
    .select(PLAN_COLUMNS)
    .from(plans)
    .where(
      after === undefined
        ? undefined
        : or(gt(plans.planId, after.planId), and(eq(plans.planId, after.planId), gt(plans.version, after.version))),
    )
    .orderBy(asc(plans.planId), asc(plans.version))
    .limit(limit);
  return withMeters(db, rows);
}

/** Versions of one plan, newest first. */
export async function listVersionsOf(db: Database, planId: string, limit: number): Promise<PlanVersion[]> {
  const rows = await db
    .select(PLAN_COLUMNS)
    .from(plans)
    .where(eq(plans.planId, planId))
    .orderBy(desc(plans.version))
    .limit(limit);
  return withMeters(db, rows);
}

async function withMeters(db: Database, rows: readonly Omit<PlanVersion, "meters">[]): Promise<PlanVersion[]> {
  if (rows.length === 0) return [];
  const keyOf = ({ planId, version }: PlanPosition): string => `${version}:${planId}`;
  const keys = JSON.stringify(rows.map((row) => keyOf(row)));
  const found = await db
    .select({
      planId: planMeters.planId,
      version: planMeters.version,
      meterKey: planMeters.meterKey,
      included: exact(planMeters.included),
      priceJson: planMeters.priceJson,
      poolWeight: planMeters.poolWeight,
      stripeEventName: planMeters.stripeEventName,
      stripePriceId: planMeters.stripePriceId,
    })
    .from(planMeters)
    .where(sql`${planMeters.version} || ':' || ${planMeters.planId} IN (SELECT value FROM json_each(${keys}))`)
    .orderBy(asc(planMeters.meterKey));
  const byVersion = Map.groupBy(found, keyOf);
  return rows.map((row) => ({
    ...row,
    meters: (byVersion.get(keyOf(row)) ?? []).map(({ planId: _plan, version: _version, priceJson, ...terms }) => ({
      ...terms,
      price: fromPrice(Price.parse(JSON.parse(priceJson))),
    })),
  }));
}

/** Plain inserts: a version that was made meanwhile, or another plan that named a price meanwhile, breaks the batch. */
export function planStatements(db: Database, plan: PlanVersion): Statement[] {
  const { meters: terms, ...row } = plan;
  return [
    requireTrue(sql`NOT EXISTS (${selectTakenPrices(plan)})`),
    db.insert(plans).values(row),
    ...terms.map((meter) => planMeterStatement(db, plan, meter)),
  ];
}

/** Which prices of a plan's version some version of another plan names. */
export async function listTakenPrices(db: Database, terms: PlanTerms): Promise<ReadonlySet<string>> {
  const rows = await db.all<{ price: string }>(selectTakenPrices(terms));
  return new Set(rows.map(({ price }) => price));
}

const selectTakenPrices = (terms: PlanTerms): SQL => {
  const prices = JSON.stringify(pricesOf(terms).map(({ price }) => price));
  return sql`SELECT value AS price FROM json_each(${prices}) WHERE value IN (
    SELECT stripe_price_id FROM plans WHERE plan_id <> ${terms.planId}
    UNION ALL SELECT stripe_price_id FROM plan_meters WHERE plan_id <> ${terms.planId})`;
};

const planMeterStatement = (db: Database, { planId, version }: PlanVersion, meter: PlanMeterTerms): Statement => {
  const { price, ...terms } = meter;
  return db.insert(planMeters).values({ ...terms, planId, version, priceJson: JSON.stringify(toPrice(price)) });
};

export async function listMeters(
  db: Database,
  page: { after: string | undefined; limit: number },
): Promise<MeterRow[]> {
  return db
    .select()
    .from(meters)
    .where(gt(meters.meterKey, page.after ?? ""))
    .orderBy(asc(meters.meterKey))
    .limit(page.limit);
}

export async function findMeter(db: Database, meterKey: string): Promise<MeterRow | undefined> {
  return (await db.select().from(meters).where(eq(meters.meterKey, meterKey)))[0];
}

/** Which of some keys are meters. */
export async function listKnownMeterKeys(db: Database, keys: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await db
    .select({ meterKey: meters.meterKey })
    .from(meters)
    .where(sql`${meters.meterKey} IN (SELECT value FROM json_each(${JSON.stringify(keys)}))`);
  return new Set(rows.map(({ meterKey }) => meterKey));
}

export const meterStatements = (db: Database, row: MeterRow): Statement[] => [
  db.insert(meters).values(row),
  requireTrue(sql`(SELECT count(*) FROM meters) <= ${sql.raw(String(METERS_MAX))}`),
];

export const countMeters = (db: Database): Promise<number> => db.$count(meters);
