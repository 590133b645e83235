import { parseInstant } from "@prego/core/period";
import { Price } from "@prego/core/pricing";
import { isCurrency, parseRate } from "@prego/core/money";
import { exact, meters, planMeters, plans } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import { and, asc, desc, eq } from "drizzle-orm";
import { METERS_MAX } from "@prego/core/limits";
import { METERS_PER_TENANT_MAX, PLAN_VERSIONS_MAX } from "../limits.ts";
import { type MeterDefinition, type PlanMeter, type PlanVersion, TenantCloseError } from "../plan/inputs.ts";
import type { VersionStart } from "../plan/parts.ts";

/** Plans and meters as one run sees them: each is read once. */
export interface PlanBook {
  /** From when the versions of a plan apply. */
  versionsOf(planId: string): Promise<readonly VersionStart[]>;
  version(planId: string, version: number): Promise<PlanVersion>;
  meters(): Promise<ReadonlyMap<string, MeterDefinition>>;
}

/** Reads plans and meters, and remembers them, and plans that cannot be used; a failure of the storage is not remembered. */
export function createPlanBook(db: Database): PlanBook {
  let definitions: Promise<ReadonlyMap<string, MeterDefinition>> | undefined;
  const once = <T>(read: (planId: string, version: number) => Promise<T>) => {
    const known = new Map<string, Promise<T>>();
    return (planId: string, version = 0): Promise<T> => {
      const key = `${version} ${planId}`;
      const value = known.get(key) ?? read(planId, version);
      known.set(key, value);
      return value.catch((error: unknown) => {
        if (!(error instanceof TenantCloseError)) known.delete(key);
        throw error;
      });
    };
  };
  return {
    versionsOf: once((planId) => readVersions(db, planId)),
    version: once((planId, version) => readPlan(db, planId, version)),
    meters: () =>
      (definitions ??= readMeters(db)).catch((error: unknown) => {
        definitions = undefined;
        throw error;
      }),
  };
}

async function readVersions(db: Database, planId: string): Promise<VersionStart[]> {
  const rows = await db
    .select({ version: plans.version, effectiveFrom: plans.effectiveFrom })
    .from(plans)
    .where(eq(plans.planId, planId))
    .orderBy(desc(plans.version))
    .limit(PLAN_VERSIONS_MAX);
  if (rows.length === 0) throw new TenantCloseError("plan_missing", planId);
  return rows.map(({ version, effectiveFrom }) => {
    const effectiveFromMs = parseInstant(effectiveFrom);
    if (effectiveFromMs === undefined) throw new TenantCloseError("plan_invalid", `${planId} version ${version}`);
    return { version, effectiveFromMs };
  });
}

async function readMeters(db: Database): Promise<ReadonlyMap<string, MeterDefinition>> {
  const rows = await db
    .select({ meterKey: meters.meterKey, aggregation: meters.aggregation, unit: meters.unit })
    .from(meters)
    .limit(METERS_MAX);
  return new Map(rows.map(({ meterKey, ...definition }) => [meterKey, definition]));
}

async function readPlan(db: Database, planId: string, version: number): Promise<PlanVersion> {
  const [plan] = await db
    .select({
      planId: plans.planId,
      version: plans.version,
      currency: plans.currency,
      billingMode: plans.billingMode,
      stripePriceId: plans.stripePriceId,
      poolIncluded: plans.poolIncluded,
    })
    .from(plans)
    .where(and(eq(plans.planId, planId), eq(plans.version, version)));
  if (plan === undefined) throw new TenantCloseError("plan_missing", planId);
  if (!isCurrency(plan.currency)) throw new TenantCloseError("plan_invalid", `${planId} currency`);
  return { ...plan, meters: await readPlanMeters(db, plan) };
}

async function readPlanMeters(db: Database, plan: Omit<PlanVersion, "meters">): Promise<PlanMeter[]> {
  const rows = await db
    .select({
      meterKey: planMeters.meterKey,
      included: exact(planMeters.included),
      priceJson: planMeters.priceJson,
      poolWeight: planMeters.poolWeight,
      stripeEventName: planMeters.stripeEventName,
      stripePriceId: planMeters.stripePriceId,
    })
    .from(planMeters)
    .where(and(eq(planMeters.planId, plan.planId), eq(planMeters.version, plan.version)))
    .orderBy(asc(planMeters.meterKey))
    .limit(METERS_PER_TENANT_MAX);
  const names = rows.flatMap((row) => row.stripeEventName ?? []);
  if (plan.billingMode === "meter_event" && new Set(names).size < names.length) {
    // Two meters behind one Stripe meter could not be told apart when a lost answer is looked up.
    throw new TenantCloseError("plan_invalid", `${plan.planId} uses one stripe_event_name twice`);
  }
  return rows.map(({ priceJson, ...row }) => {
    const price = Price.safeParse(JSON.parse(priceJson));
    if (!price.success || (row.poolWeight !== null && parseRate(row.poolWeight) === undefined)) {
      throw new TenantCloseError("plan_invalid", `${plan.planId} version ${plan.version} ${row.meterKey}`);
    }
    return { ...row, price: price.data };
  });
}
