import { CYCLES, type Fleet, type FleetTenant } from "./fleet.ts";
import { lastPlanOf } from "./fleet-parts.ts";
import { VALID_FROM } from "./fleet-plans.ts";
import { emptyStores } from "./kept-stores.ts";

const SEEDED_AT = `${CYCLES.past}-02T00:00:00.000Z`;
/** Since when subscriptions that have ended are no more, and until when their tenants are kept. */
const LEFT_AT = `${CYCLES.now}-20T00:00:00.000Z`;
const KEPT_UNTIL = `${CYCLES.next}-20T00:00:00.000Z`;

/** Empties the stores and seeds a fleet as it is before anything was closed; late usage comes by {@link addLateUsage}. */
export async function seedFleet(
  db: D1Database,
  fleet: Fleet,
  subscriptions: ReadonlyMap<string, string>,
): Promise<void> {
  const insert = insertInto(db);
  await db.batch([
    ...(await emptyStores(db, ["plan_meters", "plans", "meters"])),
    ...seedPlans(db, fleet),
    insert(
      `INSERT INTO tenants_master (tenant_id, slug, short_id, type, plan_id, status, status_changed_at, provisioned_at, region,
         stripe_customer_id, stripe_subscription_id, subscription_status, created_at, updated_at)
       SELECT value ->> 0, replace(value ->> 0, '_', '-'), value ->> 0, 'standard', value ->> 1, 'Active', '${SEEDED_AT}', '${SEEDED_AT}',
         'eu', value ->> 2, value ->> 3, 'active', '${SEEDED_AT}', '${SEEDED_AT}' FROM json_each(?)`,
      fleet.map((one) => [one.tenantId, lastPlanOf(one).planId, one.customer, subscriptions.get(one.customer)]),
    ),
    insert(
      `INSERT INTO tenant_plans SELECT value ->> 0, value ->> 1, 0, value ->> 2, 'evt_sweep', value ->> 1 FROM json_each(?)`,
      fleet.flatMap(statePlans),
    ),
    insert(
      `INSERT INTO stripe_subscriptions (subscription_id, customer_id, tenant_id, status, price_id, state_as_of, updated_at)
       SELECT value ->> 0, value ->> 1, value ->> 2, 'active', value ->> 3, 1, '${SEEDED_AT}' FROM json_each(?)`,
      fleet.map((one) => [
        subscriptions.get(one.customer),
        one.customer,
        one.tenantId,
        priceIdOf(lastPlanOf(one).planId),
      ]),
    ),
    insert(
      `INSERT INTO usage_rollups SELECT value ->> 0, value ->> 1, value ->> 2, CAST(value ->> 3 AS INTEGER), 1, NULL, NULL, NULL,
         value ->> 2 || ':00:00.000Z', value ->> 2 || ':59:00.000Z', value ->> 2 || ':59:59.000Z', 0 FROM json_each(?)`,
      fleet.flatMap(({ tenantId, usage }) =>
        usage.map(({ meterKey, hour, micros }) => [tenantId, meterKey, hour, micros.toString()]),
      ),
    ),
  ]);
}

const insertInto =
  (db: D1Database) =>
  (query: string, values: unknown[]): D1PreparedStatement =>
    db.prepare(query).bind(JSON.stringify(values));

function seedPlans(db: D1Database, fleet: Fleet): D1PreparedStatement[] {
  const insert = insertInto(db);
  const plans = [...new Set(fleet.flatMap(({ terms }) => terms.map(({ plan }) => plan)))];
  return [
    insert(
      `INSERT INTO plans SELECT value ->> 0, value ->> 1, value ->> 0, 'eur', value ->> 2, NULL, value ->> 3, value ->> 4, '${VALID_FROM}'
       FROM json_each(?)`,
      plans.map(({ planId, version, mode, effectiveFrom }) => [
        planId,
        version,
        mode,
        priceIdOf(planId),
        effectiveFrom,
      ]),
    ),
    insert(
      `INSERT INTO meters SELECT DISTINCT value ->> 0, value ->> 0, 'unit', 'sum', NULL, '${VALID_FROM}' FROM json_each(?)`,
      plans.flatMap(({ meters }) => meters.map(({ meterKey }) => [meterKey])),
    ),
    insert(
      `INSERT INTO plan_meters SELECT value ->> 0, value ->> 1, value ->> 2, (value ->> 3) * 1000000, value ->> 4, NULL, value ->> 5, NULL
       FROM json_each(?)`,
      plans.flatMap(({ planId, version, meters }) =>
        meters.map((one) => [
          planId,
          version,
          one.meterKey,
          one.includedUnits,
          JSON.stringify(one.price),
          one.eventName,
        ]),
      ),
    ),
  ];
}

/** What control-plane states of a tenant that changed its plan; a second version is nobody's change. */
function statePlans({ tenantId, terms }: FleetTenant): [string, string, string][] {
  const changes = terms.filter(({ plan }, index) => plan.planId !== terms[index - 1]?.plan.planId);
  return changes.length < 2 ? [] : changes.map(({ from, plan }) => [tenantId, from, plan.planId]);
}

/** Stores that some subscriptions have ended; their tenants are kept for a while. */
export async function endSubscriptions(db: D1Database, fleet: Fleet): Promise<void> {
  const left = JSON.stringify(fleet.flatMap(({ tenantId, hasLeft }) => (hasLeft ? [tenantId] : [])));
  await db.batch([
    db
      .prepare(
        `UPDATE tenants_master SET status = 'Pending_Deletion', subscription_status = 'canceled', status_changed_at = ?1,
           pending_deletion_at = ?1, purge_after = ?2 WHERE tenant_id IN (SELECT value FROM json_each(?3))`,
      )
      .bind(LEFT_AT, KEPT_UNTIL, left),
    db
      .prepare(
        `UPDATE stripe_subscriptions SET status = 'canceled', state_as_of = ?1 WHERE tenant_id IN (SELECT value FROM json_each(?2))`,
      )
      .bind(Date.parse(LEFT_AT) / 1_000, left),
  ]);
}

/** Stores what came after the past cycle was closed. */
export async function addLateUsage(db: D1Database, fleet: Fleet): Promise<void> {
  const late = fleet.flatMap(({ tenantId, late: rows }) =>
    rows.map((row) => [tenantId, row.meterKey, row.correctedCycle, row.r2Key, row.micros.toString()]),
  );
  await db
    .prepare(
      `INSERT INTO usage_adjustments SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, NULL, CAST(value ->> 4 AS INTEGER), 1,
         '${CYCLES.now}-02T00:00:00.000Z', NULL, NULL, NULL FROM json_each(?)`,
    )
    .bind(JSON.stringify(late))
    .run();
}

/** The price of a plan at Stripe. */
export const priceIdOf = (planId: string): string => `price_${planId}`;
