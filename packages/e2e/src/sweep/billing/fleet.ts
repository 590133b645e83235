import { createRandom } from "../../bench/statistics.ts";

/** A price as plans store it, and as the oracle reads it. */
export type FleetPrice =
  | { model: "flat"; unitAmount: string }
  | { model: "graduated" | "volume"; tiers: { upTo: string | null; unitAmount: string }[] }
  | { model: "package"; packageSize: string; packageAmount: string };

interface FleetMeter {
  meterKey: string;
  includedUnits: number;
  price: FleetPrice;
  eventName: string;
}

export interface FleetPlan {
  planId: string;
  mode: "meter_event" | "invoice_item";
  meters: readonly FleetMeter[];
}

/** Quantity of one hour, in micro-units. */
interface FleetUsage {
  meterKey: string;
  hour: string;
  micros: bigint;
}

/** Usage of a closed cycle that came after its close. */
interface FleetLateUsage {
  meterKey: string;
  correctedCycle: string;
  r2Key: string;
  micros: bigint;
}

export interface FleetTenant {
  tenantId: string;
  customer: string;
  plan: FleetPlan;
  usage: readonly FleetUsage[];
  late: readonly FleetLateUsage[];
}

export type Fleet = readonly FleetTenant[];

/** The cycle that is closed, the one before, which is closed already, and the one after. */
export const CYCLES = { past: "2026-10", now: "2026-11", next: "2026-12" } as const;

const MICROS = 1_000_000;

type Draw = (from: number, to: number) => number;

/**
 * A small fleet with everything that a close knows: both modes, several meters, four price models, tenants without overage and
 * without usage, late usage of the cycle before, and usage of the cycle after for runs that come so late.
 */
export function makeFleet(seed: number): Fleet {
  const random = createRandom(seed);
  const draw: Draw = (from, to) => from + Math.floor(random() * (to - from + 1));
  const [items, events, packages] = makePlans(draw);
  const above = (units: number): bigint =>
    BigInt(units + draw(100, 900)) * BigInt(MICROS) + BigInt(draw(0, MICROS - 1));
  const below = (units: number): bigint => BigInt(draw(0, units - 1)) * BigInt(MICROS);
  const make = (
    tenantId: string,
    plan: FleetPlan,
    used: "above" | "below" | "idle",
    withLate: boolean,
  ): FleetTenant => ({
    tenantId,
    customer: `cus_${tenantId}`,
    plan,
    usage: used === "idle" ? [] : useMeters(plan, used === "above" ? above : below, used === "above" && withLate),
    late: withLate ? lateUsage(tenantId, plan, draw) : [],
  });
  return [
    make("a_items", items, "above", true),
    make("b_events", events, "above", true),
    make("c_within", items, "below", false),
    make("d_idle", events, "idle", false),
    make("e_packages", packages, "above", false),
  ];
}

function makePlans(draw: Draw): [FleetPlan, FleetPlan, FleetPlan] {
  const calls = (price: FleetPrice): FleetMeter => ({
    meterKey: "api_requests",
    includedUnits: draw(200, 1_000),
    price,
    eventName: "api_calls",
  });
  const storage = (price: FleetPrice): FleetMeter => ({
    meterKey: "storage_gb",
    includedUnits: draw(10, 100),
    price,
    eventName: "storage_gb",
  });
  const tiers = [
    { upTo: String(draw(100, 300)), unitAmount: "2" },
    { upTo: String(draw(301, 600)), unitAmount: `1.${draw(1, 9)}` },
    { upTo: null, unitAmount: "0.375" },
  ];
  return [
    {
      planId: "items",
      mode: "invoice_item",
      meters: [calls({ model: "graduated", tiers }), storage({ model: "flat", unitAmount: `${draw(1, 9)}.05` })],
    },
    {
      planId: "events",
      mode: "meter_event",
      meters: [calls({ model: "flat", unitAmount: "0.5" }), storage({ model: "flat", unitAmount: "3" })],
    },
    {
      planId: "packages",
      mode: "invoice_item",
      meters: [
        calls({ model: "package", packageSize: "100", packageAmount: `${draw(20, 60)}.5` }),
        storage({ model: "volume", tiers }),
      ],
    },
  ];
}

/** Two hours of every meter in the past cycle and in this one; with `next`, one hour of the first meter after it. */
function useMeters({ meters }: FleetPlan, quantity: (units: number) => bigint, next: boolean): FleetUsage[] {
  const hours = [`${CYCLES.past}-11T05`, `${CYCLES.past}-30T23`, `${CYCLES.now}-01T00`, `${CYCLES.now}-30T23`];
  const used = meters.flatMap(({ meterKey, includedUnits }) =>
    hours.map((hour) => ({ meterKey, hour, micros: quantity(includedUnits) / 2n })),
  );
  const [first] = meters;
  if (!next || first === undefined) return used;
  return [...used, { meterKey: first.meterKey, hour: `${CYCLES.next}-02T10`, micros: quantity(first.includedUnits) }];
}

const lateUsage = (tenantId: string, { meters }: FleetPlan, draw: Draw): FleetLateUsage[] =>
  meters.slice(0, 1).flatMap(({ meterKey }) =>
    [1, 2].map((part) => ({
      meterKey,
      correctedCycle: CYCLES.past,
      r2Key: `usage_raw/${tenantId}/late-${part}`,
      micros: BigInt(draw(10, 90)) * BigInt(MICROS) + BigInt(draw(0, MICROS - 1)),
    })),
  );
