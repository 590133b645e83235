import type { Price } from "@prego/core/pricing";
import type { CloseLine } from "./plan/close-line.ts";
import type {
  LivePlan,
  MeterUsage,
  PartInputs,
  PlanMeter,
  PlanVersion,
  StoredLine,
  TenantCloseInputs,
} from "./plan/inputs.ts";

export const UNIT = 1_000_000n;

export const flat = (unitAmount: string): Price => ({ model: "flat", unitAmount });

export const planMeter = (meterKey: string, meter: Partial<PlanMeter> = {}): PlanMeter => ({
  meterKey,
  included: 0n,
  price: flat("2"),
  poolWeight: null,
  stripeEventName: null,
  stripePriceId: null,
  ...meter,
});

export const planVersion = (meters: PlanMeter[], plan: Partial<PlanVersion> = {}): PlanVersion => ({
  planId: "basic",
  version: 1,
  currency: "eur",
  billingMode: "invoice_item",
  stripePriceId: null,
  poolIncluded: null,
  meters,
  ...plan,
});

export const usage = (meterKey: string, units: bigint, more: Partial<MeterUsage> = {}): MeterUsage => ({
  meterKey,
  qty: units * UNIT,
  events: 1n,
  maxQty: null,
  lastQty: null,
  lastAtMs: null,
  newValues: 0n,
  digest: "d".repeat(64),
  ...more,
});

/** Inputs of a cycle in one part. */
export function closeInputs(
  plan: PlanVersion,
  { usage: used = [], ...change }: Partial<TenantCloseInputs> & { usage?: MeterUsage[] } = {},
): TenantCloseInputs {
  const keys = [...plan.meters, ...used].map((meter) => meter.meterKey);
  return {
    tenantId: "t1",
    stripeCustomerId: "cus_1",
    live: liveOn(plan),
    cycle: "2026-11",
    parts: [wholeCycle(plan, used)],
    meters: new Map(keys.map((key) => [key, { aggregation: "sum", unit: "request" }])),
    late: [],
    stored: [],
    earlierParts: new Map(),
    ...change,
  };
}

/** A subscription that has had the plan for ever, and the plan's version of today. */
export const liveOn = ({ planId, billingMode, meters }: PlanVersion): LivePlan => ({
  planId,
  sinceMs: null,
  eventNames: new Map(
    billingMode === "meter_event" ? meters.map((meter) => [meter.meterKey, meter.stripeEventName]) : [],
  ),
  meterPrices: new Map(meters.map((meter) => [meter.meterKey, meter.stripePriceId])),
  unpricedMeters: new Set(),
  period: null,
  invoiceGraceMs: 3_600_000,
  askedAtMs: Date.parse("2026-12-01T00:40:00Z"),
});

export const wholeCycle = (plan: PlanVersion, used: MeterUsage[] = []): PartInputs => ({
  part: undefined,
  plan,
  usage: used,
});

export const asStored = (lines: readonly CloseLine[]): StoredLine[] =>
  lines.map(({ quantity, ...line }) => ({ ...line, qty: quantity }));
