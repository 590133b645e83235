import type { Draw } from "./fleet.ts";

/** How the events of a cycle make one quantity. */
export type FleetAggregation = "sum" | "count" | "max" | "last" | "unique";

/** A price as it is stored in `plan_meters.price_json`. */
export type FleetPrice =
  | { model: "flat"; unitAmount: string }
  | { model: "graduated" | "volume"; tiers: { upTo: string | null; unitAmount: string; flatAmount?: string }[] }
  | { model: "package"; packageSize: string; packageAmount: string };

/** What a plan includes and charges for one meter. */
export interface FleetPlanMeter {
  meterKey: string;
  aggregation: FleetAggregation;
  includedMicros: bigint;
  price: FleetPrice;
  weight: string | null;
}

/** A plan with one version. */
export interface FleetPlan {
  planId: string;
  mode: "meter_event" | "invoice_item";
  poolMicros: bigint | null;
  meters: readonly FleetPlanMeter[];
}

/** Every meter there is. */
export const FLEET_METERS: readonly { meterKey: string; aggregation: FleetAggregation }[] = [
  { meterKey: "calls", aggregation: "count" },
  { meterKey: "disk_gb", aggregation: "last" },
  { meterKey: "emails", aggregation: "sum" },
  { meterKey: "peak_users", aggregation: "max" },
  { meterKey: "seconds", aggregation: "sum" },
  { meterKey: "tokens", aggregation: "sum" },
  { meterKey: "traffic_gb", aggregation: "sum" },
  { meterKey: "visitors", aggregation: "unique" },
];

/** Plans of both modes, each with a random choice of meters, allowances and prices. */
export const drawPlans = (draw: Draw, count: number): FleetPlan[] =>
  Array.from({ length: Math.max(2, count) }, (_, index) => ({
    planId: `plan_${index}`,
    mode: index % 2 === 0 ? "invoice_item" : "meter_event",
    poolMicros: draw(3) === 0 ? null : BigInt(draw(900_000_000)),
    meters: FLEET_METERS.filter(() => draw(2) === 0).map((meter) => ({
      ...meter,
      includedMicros: draw(3) === 0 ? 0n : BigInt(draw(300_000_000)),
      price: drawPrice(draw),
      weight: draw(2) === 0 ? null : `${draw(4)}.${String(draw(1_000)).padStart(3, "0")}`,
    })),
  }));

function drawPrice(draw: Draw): FleetPrice {
  const rate = (): string => `${draw(30)}.${String(draw(1_000_000_000)).padStart(9, "0")}`;
  const tier = (upTo: string | null) => ({
    upTo,
    unitAmount: rate(),
    ...(draw(2) === 0 ? {} : { flatAmount: rate() }),
  });
  const tiers = [tier(`${1 + draw(40)}.${1 + draw(9)}`), tier(`${50 + draw(400)}.000001`), tier(null)];
  switch (draw(4)) {
    case 0:
      return { model: "flat", unitAmount: rate() };
    case 1:
      return { model: "graduated", tiers };
    case 2:
      return { model: "volume", tiers };
    default:
      return { model: "package", packageSize: `${1 + draw(20)}.${1 + draw(9)}`, packageAmount: rate() };
  }
}
