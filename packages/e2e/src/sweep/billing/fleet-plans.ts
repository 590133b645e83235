import type { Draw, FleetMeter, FleetPlan, FleetPrice } from "./fleet.ts";

/** Since when the first versions apply: long before anything was used. */
export const VALID_FROM = "2026-01-01T00:00:00.000Z";

/** The plans of a fleet: both modes, four price models, and in each mode one with a second version. */
export interface FleetPlans {
  items: FleetPlan;
  events: FleetPlan;
  packages: readonly [FleetPlan, FleetPlan];
  metered: readonly [FleetPlan, FleetPlan];
}

/** Draws the plans; their second versions apply inside of the cycle that is closed. */
export function makePlans(draw: Draw, cycle: string): FleetPlans {
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
  const packaged = (): FleetPrice => ({
    model: "package",
    packageSize: "100",
    packageAmount: `${draw(20, 60)}.5`,
  });
  const first = { version: 1, effectiveFrom: VALID_FROM };
  const later = (at: string) => ({ version: 2, effectiveFrom: `${cycle}-${at}Z` });
  const priced = (planId: string, meters: FleetMeter[]) => ({ planId, mode: "invoice_item" as const, meters });
  const metered = (planId: string, meters: FleetMeter[]) => ({ planId, mode: "meter_event" as const, meters });
  const flat = (unitAmount: string): FleetPrice => ({ model: "flat", unitAmount });
  return {
    items: {
      ...first,
      ...priced("items", [calls({ model: "graduated", tiers }), storage(flat(`${draw(1, 9)}.05`))]),
    },
    events: { ...first, ...metered("events", [calls(flat("0.5")), storage(flat("3"))]) },
    packages: [
      { ...first, ...priced("packages", [calls(packaged()), storage({ model: "volume", tiers })]) },
      {
        ...later("16T12:40:00.000"),
        ...priced("packages", [calls(packaged()), storage({ model: "graduated", tiers })]),
      },
    ],
    metered: [
      { ...first, ...metered("metered", [calls(flat("0.25"))]) },
      { ...later("21T23:59:59.999"), ...metered("metered", [calls(flat("0.75"))]) },
    ],
  };
}
