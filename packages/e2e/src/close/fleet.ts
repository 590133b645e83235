import { cycleBounds } from "@prego/core/period";
import { formatQuantity } from "@prego/core/quantity";
import { createRandom } from "../bench/statistics.ts";
import { drawPlans, FLEET_METERS, type FleetPlan } from "./fleet-plans.ts";

/** One event as a sender gives it. */
export interface FleetEvent {
  meterKey: string;
  qtyMicros: bigint;
  atMs: number;
  /** What a distinct-count meter counts once in a cycle. */
  value?: string;
}

/** Of a tenant: one that runs, one that has ended, one of another plan by the time of the closes, one that began in the second cycle. */
const SUBSCRIPTIONS = ["running", "running", "back", "ended", "moved"] as const;

/** A tenant with what it uses in two cycles, and what of the first one is stored only after its close. */
export interface FleetTenant {
  tenantId: string;
  plan: FleetPlan;
  subscription: (typeof SUBSCRIPTIONS)[number];
  first: readonly FleetEvent[];
  second: readonly FleetEvent[];
  late: readonly FleetEvent[];
}

/** Tenants, plans and usage that a seed repeats. */
export interface Fleet {
  cycles: { first: string; second: string };
  plans: readonly FleetPlan[];
  tenants: readonly FleetTenant[];
}

const HOUR_MS = 3_600_000;
const PLANS_MAX = 40;
const LATE_SHARE = 0.3;
const VISITORS = 7;
const UNIQUE_METERS: ReadonlySet<string> = new Set(
  FLEET_METERS.flatMap(({ meterKey, aggregation }) => (aggregation === "unique" ? [meterKey] : [])),
);

/** Whole numbers below a bound. */
export type Draw = (below: number) => number;

/** Draws a fleet; every number of it comes from the seed. */
export function drawFleet(seed: number, count: number, cycles: Fleet["cycles"]): Fleet {
  const random = createRandom(seed);
  const draw: Draw = (below) => Math.floor(random() * below);
  const plans = drawPlans(draw, Math.min(PLANS_MAX, Math.ceil(count / 4)));
  const tenants = Array.from({ length: count }, (_, index) => {
    const plan = plans[draw(plans.length)] ?? plans[0];
    if (plan === undefined) throw new RangeError("a fleet without plans");
    const isLate = random() < LATE_SHARE;
    return {
      tenantId: `ten_${String(index).padStart(6, "0")}`,
      plan,
      subscription: SUBSCRIPTIONS[index % SUBSCRIPTIONS.length] ?? "running",
      first: drawEvents(draw, plan, { cycle: cycles.first, hours: 1 + draw(3) }),
      second: drawEvents(draw, plan, { cycle: cycles.second, hours: draw(5) }),
      late: isLate ? drawEvents(draw, plan, { cycle: cycles.first, hours: 1 + draw(2) }) : [],
    };
  });
  return { cycles, plans, tenants };
}

function drawEvents(draw: Draw, plan: FleetPlan, { cycle, hours }: { cycle: string; hours: number }): FleetEvent[] {
  const { startMs, endMs } = cycleBounds(cycle);
  const events: FleetEvent[] = [];
  for (let index = 0; index < hours; index += 1) {
    const hourMs = startMs + draw((endMs - startMs) / HOUR_MS) * HOUR_MS;
    for (const meterKey of drawMeters(draw, plan)) {
      for (let line = 0; line <= draw(3); line += 1) {
        const event = { meterKey, atMs: hourMs + draw(HOUR_MS) };
        const isUnique = UNIQUE_METERS.has(meterKey);
        events.push(
          isUnique
            ? { ...event, qtyMicros: 1_000_000n, value: `visitor ${draw(VISITORS)}` }
            : { ...event, qtyMicros: drawQuantity(draw) },
        );
      }
    }
  }
  return events;
}

/** Some meters of the plan, and sometimes one that it does not name. */
function drawMeters(draw: Draw, plan: FleetPlan): string[] {
  const own = plan.meters.map(({ meterKey }) => meterKey).filter(() => draw(4) > 0);
  const other = FLEET_METERS.find(({ meterKey, aggregation }) => aggregation === "sum" && !own.includes(meterKey));
  return draw(6) === 0 && other !== undefined ? [...own, other.meterKey] : own;
}

/** From a millionth to thousands, with up to six decimals, and now and then a correction. */
function drawQuantity(draw: Draw): bigint {
  const size = [1_000_000, 90_000_000, 2_000_000_000][draw(3)] ?? 1;
  const qty = BigInt(1 + draw(size));
  return draw(12) === 0 ? -qty : qty;
}

/** The raw line of an event, as usage-writer stores it. */
export const describeEvent = (tenantId: string, event: FleetEvent, id: string) => ({
  id,
  source: "",
  tenantId,
  meterKey: event.meterKey,
  qtyText: formatQuantity(event.qtyMicros),
  qtyMicros: event.qtyMicros,
  timestampMs: event.atMs,
  timestampGiven: true,
  correction: event.qtyMicros < 0n,
  ...(event.value === undefined ? {} : { value: event.value }),
});
