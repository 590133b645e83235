import type { StripeSeed } from "@prego/local/stripe-emulator";

/** Price ids that Stripe and the plans share. */
export const PRICES = { starter: "price_starter", scale: "price_scale" } as const;

/** Metered prices of the plan that Stripe bills by its meters. */
const METERED_PRICES = { api_requests: "price_scale_api_requests", data_gb: "price_scale_data_gb" } as const;

/** Price of an API request and of a GB of data on the scale plan, in cents; the allowance is in the plan alone. */
const SCALE_CENTS = { api_requests: "0.05", data_gb: "9.5" } as const;

type MeterKey = keyof typeof METERED_PRICES;

const meteredPrice = (meterKey: MeterKey) => ({
  id: METERED_PRICES[meterKey],
  product: "prod_scale",
  currency: "usd",
  unit_amount_decimal: SCALE_CENTS[meterKey],
  meter: `mtr_${meterKey}`,
});

/** What a Stripe account of the demo business holds. */
export const STRIPE_CATALOGUE: StripeSeed = {
  products: [
    { id: "prod_starter", name: "Starter" },
    { id: "prod_scale", name: "Scale" },
  ],
  prices: [
    { id: PRICES.starter, product: "prod_starter", currency: "usd", unit_amount: 2_900 },
    { id: PRICES.scale, product: "prod_scale", currency: "usd", unit_amount: 19_900 },
    meteredPrice("api_requests"),
    meteredPrice("data_gb"),
  ],
  meters: [
    { id: "mtr_api_requests", event_name: "api_requests" },
    { id: "mtr_data_gb", event_name: "data_gb" },
  ],
};

const CREATED = "2026-01-01T00:00:00.000Z";

/** Tiers of API requests on the starter plan: 0.2 cents each up to 5,000 above the allowance, then 0.1 cents. */
const STARTER_API_PRICE = {
  model: "graduated",
  tiers: [
    { upTo: "5000", unitAmount: "0.2" },
    { upTo: null, unitAmount: "0.1" },
  ],
} as const;

/** Allowances of a cycle, in whole units. */
export const INCLUDED = {
  starter: { api_requests: 2_000, data_gb: 25 },
  scale: { api_requests: 50_000, data_gb: 500 },
} as const;

const quote = (value: string | number | null): string =>
  value === null ? "NULL" : typeof value === "number" ? String(value) : `'${value.replaceAll("'", "''")}'`;

const insert = (table: string, row: Record<string, string | number | null>): string =>
  `INSERT OR IGNORE INTO ${table} (${Object.keys(row).join(", ")}) VALUES (${Object.values(row).map(quote).join(", ")})`;

const meter = (meterKey: string, displayName: string, unit: string): string =>
  insert("meters", {
    meter_key: meterKey,
    display_name: displayName,
    unit,
    aggregation: "sum",
    created_at: CREATED,
  });

const plan = (planId: keyof typeof PRICES, name: string, billingMode: string): string =>
  insert("plans", {
    plan_id: planId,
    version: 1,
    name,
    currency: "usd",
    billing_mode: billingMode,
    stripe_price_id: PRICES[planId],
    effective_from: CREATED,
    created_at: CREATED,
  });

const planMeter = (planId: keyof typeof PRICES, meterKey: MeterKey, price: object): string =>
  insert("plan_meters", {
    plan_id: planId,
    version: 1,
    meter_key: meterKey,
    included: INCLUDED[planId][meterKey] * 1_000_000,
    price_json: JSON.stringify(price),
    stripe_event_name: meterKey,
    stripe_price_id: planId === "scale" ? METERED_PRICES[meterKey] : null,
  });

const node = (nodeId: string, region: string): string =>
  insert("nodes", {
    node_id: nodeId,
    region,
    provider: "local",
    size: "cx32",
    capacity: 20,
    status: "active",
    created_at: CREATED,
    updated_at: CREATED,
  });

const region = (name: string): string =>
  insert("scaling_regions", {
    region: name,
    mode: "active",
    min_nodes: 1,
    max_nodes: 8,
    target_pressure: 70,
    node_size: "cx32",
    node_capacity: 20,
    updated_at: CREATED,
  });

/** Statements that give the demo business two meters, two plans and four nodes in two regions; repeating them is harmless. */
export const CATALOGUE_SQL: readonly string[] = [
  meter("api_requests", "API requests", "request"),
  meter("data_gb", "Data", "GB"),
  plan("starter", "Starter", "invoice_item"),
  plan("scale", "Scale", "meter_event"),
  insert("plans", {
    plan_id: "free",
    version: 1,
    name: "Free",
    currency: "usd",
    billing_mode: "invoice_item",
    effective_from: CREATED,
    created_at: CREATED,
  }),
  planMeter("starter", "api_requests", STARTER_API_PRICE),
  planMeter("starter", "data_gb", { model: "flat", unitAmount: "9.5" }),
  planMeter("scale", "api_requests", { model: "flat", unitAmount: SCALE_CENTS.api_requests }),
  planMeter("scale", "data_gb", { model: "flat", unitAmount: SCALE_CENTS.data_gb }),
  node("node-eu-1", "eu"),
  node("node-eu-2", "eu"),
  node("node-us-1", "us"),
  node("node-us-2", "us"),
  region("eu"),
  region("us"),
];
