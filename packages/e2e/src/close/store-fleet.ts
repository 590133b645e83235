import { sha256Hex } from "@prego/core/auth";
import { cycleBounds, formatInstant, hourOf } from "@prego/core/period";
import { usageObjectKey } from "@prego/core/usage-object";
import { formatUsageLine } from "@prego/core/usage-event";
import { describeEvent, type Fleet, type FleetEvent } from "./fleet.ts";
import { FLEET_METERS } from "./fleet-plans.ts";

/** Where a fleet is stored. */
export interface FleetStorage {
  database: D1Database;
  bucket: R2Bucket;
}

const ROWS_AT_ONCE = 500;
const PUTS_AT_ONCE = 8;
const PLANNED_AT = "2020-01-01T00:00:00.000Z";

/** Inserts rows given by column, however many. */
async function insertRows(
  database: D1Database,
  table: string,
  rows: readonly Record<string, string | number | null>[],
): Promise<void> {
  const columns = Object.keys(rows[0] ?? {});
  const values = columns.map((column) => `value ->> '${column}'`).join(", ");
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    await database
      .prepare(`INSERT INTO ${table} (${columns.join(", ")}) SELECT ${values} FROM json_each(?)`)
      .bind(JSON.stringify(rows.slice(from, from + ROWS_AT_ONCE)))
      .run();
  }
}

/** Stores meters, plans and tenants. */
export async function storeTenants({ database }: FleetStorage, { plans, tenants, cycles }: Fleet): Promise<void> {
  const meters = FLEET_METERS.map(({ meterKey, aggregation }) => {
    return { meter_key: meterKey, display_name: meterKey, unit: "unit", aggregation, created_at: PLANNED_AT };
  });
  await insertRows(database, "meters", meters);
  const planRows = plans.map(({ planId, mode, poolMicros }) => ({
    plan_id: planId,
    version: 1,
    name: planId,
    currency: "eur",
    billing_mode: mode,
    pool_included: poolMicros === null ? null : Number(poolMicros),
    effective_from: PLANNED_AT,
    created_at: PLANNED_AT,
  }));
  await insertRows(database, "plans", planRows);
  const planMeters = plans.flatMap(({ planId, meters: own }) =>
    own.map(({ meterKey, includedMicros, price, weight }) => ({
      plan_id: planId,
      version: 1,
      meter_key: meterKey,
      included: Number(includedMicros),
      price_json: JSON.stringify(price),
      pool_weight: weight,
      stripe_event_name: `event_${meterKey}`,
    })),
  );
  await insertRows(database, "plan_meters", planMeters);
  const createdAt = `${cycles.first}-01T00:00:00.000Z`;
  const tenantRows = tenants.map(({ tenantId, plan, subscription }) => ({
    tenant_id: tenantId,
    slug: tenantId,
    short_id: tenantId,
    type: "standard",
    plan_id: subscription === "moved" ? otherPlan(plans, plan.planId) : plan.planId,
    status: "Active",
    status_changed_at: createdAt,
    region: "eu",
    stripe_customer_id: `cus_${tenantId}`,
    stripe_subscription_id: `sub_${tenantId}`,
    subscription_status: subscription === "ended" ? "canceled" : "active",
    created_at: createdAt,
    updated_at: createdAt,
  }));
  await insertRows(database, "tenants_master", tenantRows);
  await storeHistories(database, { plans, tenants, cycles });
}

const otherPlan = (plans: Fleet["plans"], planId: string): string =>
  plans.find((plan) => plan.planId !== planId)?.planId ?? planId;

/** What the plans of tenants were, and the subscriptions that they had before. */
async function storeHistories(database: D1Database, { plans, tenants, cycles }: Fleet): Promise<void> {
  const { startMs, endMs } = cycleBounds(cycles.second);
  const statement = (tenantId: string, planId: string, effectiveFrom: string) => ({
    tenant_id: tenantId,
    effective_from: effectiveFrom,
    ordinal: 0,
    plan_id: planId,
    source: "evt_fleet",
    recorded_at: effectiveFrom,
  });
  const statements = tenants.flatMap(({ tenantId, plan: { planId }, subscription }) => [
    statement(tenantId, planId, PLANNED_AT),
    ...(subscription === "moved" ? [statement(tenantId, otherPlan(plans, planId), formatInstant(endMs + 1))] : []),
    ...(subscription === "back" ? [statement(tenantId, planId, formatInstant(startMs + 2))] : []),
  ]);
  await insertRows(database, "tenant_plans", statements);
  const ended = tenants.filter(({ subscription }) => subscription === "back");
  const subscriptions = ended.map(({ tenantId }) => ({
    subscription_id: `sub_before_${tenantId}`,
    customer_id: `cus_${tenantId}`,
    tenant_id: tenantId,
    status: "canceled",
    state_as_of: startMs / 1_000,
    updated_at: formatInstant(startMs),
  }));
  await insertRows(database, "stripe_subscriptions", subscriptions);
}

/** Stores events as usage-writer does: an object for each tenant and hour, and its row, which waits for the aggregator. */
export async function storeEvents(
  { database, bucket }: FleetStorage,
  name: string,
  usage: readonly { tenantId: string; events: readonly FleetEvent[] }[],
): Promise<void> {
  const objects = usage.flatMap(({ tenantId, events }) => {
    const byHour = Map.groupBy(events, ({ atMs }) => hourOf(atMs));
    return [...byHour].map(([hour, own]) => ({ tenantId, hour, events: own }));
  });
  const rows: Record<string, string | number>[] = [];
  const waiting = objects.values();
  const lane = async (): Promise<void> => {
    for (const { tenantId, hour, events } of waiting) {
      const key = usageObjectKey({ tenantId, hour, name });
      const text = events
        .map((event, index) => `${formatUsageLine(describeEvent(tenantId, event, `${name}-${index}`), event.atMs)}\n`)
        .join("");
      await bucket.put(key, text);
      rows.push({
        r2_key: key,
        tenant_id: tenantId,
        hour,
        events: events.length,
        bytes: text.length,
        sha256: await sha256Hex(text),
        status: "pending",
        created_at: `${hour}:59:59.000Z`,
      });
    }
  };
  await Promise.all(Array.from({ length: PUTS_AT_ONCE }, lane));
  await insertRows(database, "usage_objects", rows);
}
