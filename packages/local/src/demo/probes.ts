import { setTimeout as sleep } from "node:timers/promises";
import { PRICES } from "../stack/catalogue.ts";
import type { World } from "./world.ts";

/** Trace id that the customer's checkout carries. */
export const TRACE_ID = "trace_demo";

export interface TenantRow {
  tenant_id: string;
  status: string;
}

export async function readTenant(world: World, customerId: string): Promise<TenantRow> {
  const row = await world.database
    .prepare("SELECT tenant_id, status FROM tenants_master WHERE stripe_customer_id = ?")
    .bind(customerId)
    .first<TenantRow>();
  if (row === null) throw new Error("the webhook made no tenant");
  return row;
}

export const findTenant = (world: World, tenantId: string): Promise<TenantRow | null> =>
  world.database.prepare("SELECT tenant_id, status FROM tenants_master WHERE tenant_id = ?").bind(tenantId).first();

export async function countStoredEvents(world: World, tenantId: string): Promise<number> {
  const row = await world.database
    .prepare("SELECT coalesce(sum(events), 0) AS events FROM usage_objects WHERE tenant_id = ?")
    .bind(tenantId)
    .first<{ events: number }>();
  return row?.events ?? 0;
}

export async function sumRollups(world: World, tenantId: string): Promise<Record<string, string>> {
  const { results } = await world.database
    .prepare(
      "SELECT meter_key, CAST(sum(qty) AS TEXT) AS qty FROM usage_rollups WHERE tenant_id = ? GROUP BY meter_key ORDER BY meter_key",
    )
    .bind(tenantId)
    .all<{ meter_key: string; qty: string }>();
  return Object.fromEntries(results.map(({ meter_key, qty }) => [meter_key, qty]));
}

export async function countRows(world: World, table: string, tenantId: string): Promise<number> {
  const row = await world.database
    .prepare(`SELECT count(*) AS rows FROM ${table} WHERE tenant_id = ?`)
    .bind(tenantId)
    .first<{ rows: number }>();
  return row?.rows ?? 0;
}

interface Paid {
  customer: string;
  subscription: string;
}

export const payCheckout = (world: World): Promise<Paid> =>
  emulate<Paid>(world, "/_emulator/checkout", {
    price: PRICES.starter,
    email: "owner@example.com",
    name: "Acme",
    metadata: { slug: "acme", plan: "starter", region: "eu", name: "Acme", trace_id: TRACE_ID },
  });

export async function emulate<T>(world: World, path: string, body: object): Promise<T> {
  const response = await world.stripe.fetch(
    new Request(new URL(path, "http://stripe.local"), { method: "POST", body: JSON.stringify(body) }),
  );
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** Asks again every 100 ms until the answer will do; gives up after 30 s with the last one. */
export async function eventually<T>(
  ask: () => Promise<T>,
  isEnough: (value: T) => boolean,
  show?: (value: T) => void,
): Promise<T> {
  let value = await ask();
  for (let attempt = 0; attempt < 300 && !isEnough(value); attempt += 1) {
    show?.(value);
    await sleep(100);
    value = await ask();
  }
  return value;
}
