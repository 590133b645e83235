import type { CloseBench } from "./close-bench.ts";

/** Tenants that all have the same meters; what each of them used follows from their numbers. */
export interface PlainFleet {
  tenants: number;
  /** Of each tenant. */
  meters: number;
  /** Hours of the cycle in which each meter was used, 744 at most. */
  hours: number;
  seed: number;
}

export const PLAIN_CYCLE = "2026-10";
/** 40 minutes after the cycle: past the grace time. */
export const PLAIN_CLOSE_MS = Date.parse("2026-11-01T00:40:00Z");
/** The hours of its 31 days. */
export const PLAIN_HOURS = 744;

const INCLUDED_MICROS_PER_HOUR = 16_000_000;
const PLAIN_START_MS = Date.parse("2026-10-01T00:00:00Z");
const HOUR_MS = 60 * 60 * 1_000;
const CREATED_AT = "2026-10-01T00:00:00.000Z";

/** Every fifth tenant-meter stays within its allowance; units above it otherwise. */
const unitsAbove = ({ meters, hours, seed }: PlainFleet, tenant: number, meter: number): number => {
  const number = tenant * meters + meter + seed;
  return number % 5 === 0 ? 0 : hours * (1 + (number % 97));
};

/** Stores plans of both modes, tenants and their hours, and makes their customers and meters known to Stripe. */
export async function storePlainFleet({ database, emulator }: CloseBench, fleet: PlainFleet): Promise<void> {
  const meters = Array.from({ length: fleet.meters }, (_, index) => index);
  const run = (query: string, ...values: unknown[]) =>
    database
      .prepare(query)
      .bind(...values)
      .run();
  await run(
    `INSERT INTO meters SELECT 'meter_' || value, 'meter', 'unit', 'sum', NULL, ?1 FROM json_each(?2)`,
    CREATED_AT,
    JSON.stringify(meters),
  );
  await run(
    `INSERT INTO plans SELECT value, 1, value, 'eur', value, NULL, NULL, ?1, ?1 FROM json_each('["invoice_item","meter_event"]')`,
    CREATED_AT,
  );
  await run(
    `INSERT INTO plan_meters SELECT p.plan_id, 1, m.meter_key, CAST(?1 AS INTEGER), '{"model":"flat","unitAmount":"2"}', NULL,
      'event_' || m.meter_key, NULL FROM plans p, meters m`,
    INCLUDED_MICROS_PER_HOUR * fleet.hours,
  );
  const numbers = `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < CAST(?1 AS INTEGER))`;
  await run(
    `INSERT INTO tenants_master (tenant_id, slug, short_id, type, plan_id, status, status_changed_at, region,
      stripe_customer_id, stripe_subscription_id, subscription_status, created_at, updated_at)
    ${numbers} SELECT printf('ten_%06d', i), 's' || i, 's' || i, 'standard', iif(i % 2 = 0, 'invoice_item', 'meter_event'), 'Active',
      ?2, 'eu', printf('cus_%06d', i), printf('sub_%06d', i), 'active', ?2, ?2 FROM n`,
    fleet.tenants,
    CREATED_AT,
  );
  for (let hour = 0; hour < fleet.hours; hour += 1) {
    const atMs = PLAIN_START_MS + Math.floor((hour * PLAIN_HOURS) / fleet.hours) * HOUR_MS;
    const at = new Date(atMs).toISOString().slice(0, "2026-10-01T00".length);
    await run(
      `INSERT INTO usage_rollups
      ${numbers}, numbered AS (SELECT i, m.value AS meter, i * ${fleet.meters} + m.value + CAST(?2 AS INTEGER) AS number
        FROM n, json_each(?3) m)
      SELECT printf('ten_%06d', i), 'meter_' || meter, ?4, ${INCLUDED_MICROS_PER_HOUR} + iif(number % 5 = 0, 0, 1000000 * (1 + number % 97)),
        10, 1, 1, 1, ?4 || ':00:00.000Z', ?4 || ':59:00.000Z', ?4 || ':59:59.000Z', 0 FROM numbered`,
      fleet.tenants,
      fleet.seed,
      JSON.stringify(meters),
      at,
    );
  }
  emulator.seed({
    customers: Array.from({ length: fleet.tenants }, (_, index) => ({ id: `cus_${String(index).padStart(6, "0")}` })),
    meters: meters.map((meter) => ({ id: `mtr_${meter}`, event_name: `event_meter_${meter}` })),
  });
}

/** What Stripe must hold in the end, by tenant, meter and mode: minor units or whole units. */
export function expectCharges(fleet: PlainFleet): Map<string, string> {
  const expected = new Map<string, string>();
  for (let tenant = 0; tenant < fleet.tenants; tenant += 1) {
    const customer = `cus_${String(tenant).padStart(6, "0")}`;
    for (let meter = 0; meter < fleet.meters; meter += 1) {
      const units = unitsAbove(fleet, tenant, meter);
      const value = tenant % 2 === 0 ? `${2 * units} minor` : `${units} units`;
      if (units > 0) expected.set(`${customer} meter_${meter}`, value);
    }
  }
  return expected;
}

/** Charges that Stripe holds twice, not at all, or wrongly. */
export function findChargeFaults({ emulator }: CloseBench, fleet: PlainFleet): string[] {
  const { invoiceItems, meterEvents } = emulator.state;
  const held = [
    ...[...invoiceItems.values()].map(({ customer, metadata, amount }) => ({
      charge: `${customer} ${metadata["meter_key"] ?? ""}`,
      value: `${amount} minor`,
    })),
    ...meterEvents.map(({ customer, event_name: name, value }) => ({
      charge: `${customer ?? ""} ${name.replace("event_", "")}`,
      value: `${value} units`,
    })),
  ];
  const left = expectCharges(fleet);
  const faults: string[] = [];
  for (const { charge, value } of held) {
    if (left.get(charge) !== value) faults.push(`${charge}: ${value} too much`);
    left.delete(charge);
  }
  return [...faults, ...[...left].map(([charge, value]) => `${charge}: ${value} is missing`)];
}
