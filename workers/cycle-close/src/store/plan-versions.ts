import { type Cycle, cycleBounds, formatInstant } from "@prego/core/period";
import { Price } from "@prego/core/pricing";
import { isCurrency, parseRate } from "@prego/core/money";
import { exact, meters, planMeters, plans } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import { and, asc, desc, eq, lte } from "drizzle-orm";
import { METERS_PER_TENANT_MAX } from "../limits.ts";
import { type MeterDefinition, type PlanMeter, type PlanVersion, TenantCloseError } from "../plan/inputs.ts";

/** Plans and meters as one run sees them: each is read once. */
export interface PlanBook {
  /** The plan's newest version in force when the cycle began, else its oldest. */
  planFor(planId: string, cycle: Cycle): Promise<PlanVersion>;
  meters(): Promise<ReadonlyMap<string, MeterDefinition>>;
}

/** Reads plans and meters, and remembers them, and plans that cannot be used; a failure of the storage is not remembered. */
export function createPlanBook(db: Database): PlanBook {
  const versions = new Map<string, Promise<PlanVersion>>();
  let definitions: Promise<ReadonlyMap<string, MeterDefinition>> | undefined;
  return {
    planFor: (planId, cycle) => {
      const key = `${cycle} ${planId}`;
      const known = versions.get(key) ?? readPlan(db, planId, cycle);
      versions.set(key, known);
      return known.catch((error: unknown) => {
        if (!(error instanceof TenantCloseError)) versions.delete(key);
        throw error;
      });
    },
    meters: () =>
      (definitions ??= readMeters(db)).catch((error: unknown) => {
        definitions = undefined;
        throw error;
      }),
  };
}

async function readMeters(db: Database): Promise<ReadonlyMap<string, MeterDefinition>> {
  const rows = await db
    .select({ meterKey: meters.meterKey, aggregation: meters.aggregation, unit: meters.unit })
    .from(meters)
    .limit(METERS_PER_TENANT_MAX);
  return new Map(rows.map(({ meterKey, ...definition }) => [meterKey, definition]));
}

async function readPlan(db: Database, planId: string, cycle: Cycle): Promise<PlanVersion> {
  const columns = {
    planId: plans.planId,
    version: plans.version,
    currency: plans.currency,
    billingMode: plans.billingMode,
    poolIncluded: plans.poolIncluded,
  };
  const beginsBy = lte(plans.effectiveFrom, formatInstant(cycleBounds(cycle).startMs));
  const inForce = db
    .select(columns)
    .from(plans)
    .where(and(eq(plans.planId, planId), beginsBy));
  const [newest] = await inForce.orderBy(desc(plans.version)).limit(1);
  const ofPlan = db.select(columns).from(plans).where(eq(plans.planId, planId));
  const plan = newest ?? (await ofPlan.orderBy(asc(plans.version)).limit(1))[0];
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
