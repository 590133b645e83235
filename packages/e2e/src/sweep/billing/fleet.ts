import { usageObjectKey } from "@prego/core/usage-object";
import { createRandom } from "../../bench/statistics.ts";
import { hourBefore, partsOf } from "./fleet-parts.ts";
import { makePlans, VALID_FROM } from "./fleet-plans.ts";

/** A price as plans store it, and as the oracle reads it. */
export type FleetPrice =
  | { model: "flat"; unitAmount: string }
  | { model: "graduated" | "volume"; tiers: { upTo: string | null; unitAmount: string }[] }
  | { model: "package"; packageSize: string; packageAmount: string };

export interface FleetMeter {
  meterKey: string;
  includedUnits: number;
  price: FleetPrice;
  eventName: string;
}

/** One version of a plan. */
export interface FleetPlan {
  planId: string;
  version: number;
  effectiveFrom: string;
  mode: "meter_event" | "invoice_item";
  meters: readonly FleetMeter[];
}

/** The plan version that a tenant has from an instant on. */
interface FleetTerm {
  from: string;
  plan: FleetPlan;
}

/** Quantity of one hour, in micro-units. */
interface FleetUsage {
  meterKey: string;
  hour: string;
  micros: bigint;
}

/** Usage of a closed cycle that came after its close. */
interface FleetLateUsage extends FleetUsage {
  correctedCycle: string;
  r2Key: string;
}

export interface FleetTenant {
  tenantId: string;
  customer: string;
  /** Oldest first, at least one. */
  terms: readonly FleetTerm[];
  /** Whether its subscription has ended before the cycle did. */
  hasLeft: boolean;
  usage: readonly FleetUsage[];
  late: readonly FleetLateUsage[];
}

export type Fleet = readonly FleetTenant[];

/** The cycle that is closed, the one before, which is closed already, and the one after. */
export const CYCLES = { past: "2026-10", now: "2026-11", next: "2026-12" } as const;

const MICROS = 1_000_000;

/** A whole number between two, both included. */
export type Draw = (from: number, to: number) => number;

/** How a tenant uses what its plans price. */
interface Habit {
  used: "above" | "below" | "idle";
  /** Late usage of the cycle before, in each of its parts. */
  isLate?: true;
  /** Usage of the cycle after, for runs that come so late. */
  goesOn?: true;
  /** Only the first meter of each plan. */
  hasOneMeter?: true;
  hasLeft?: true;
}

/**
 * A small fleet with everything that a close knows: both modes, several meters, four price models, tenants without overage and
 * without usage, late usage of the cycle before, usage of the cycle after, plans that change inside of a cycle and
 * subscriptions that have ended.
 */
export function makeFleet(seed: number): Fleet {
  const random = createRandom(seed);
  const draw: Draw = (from, to) => from + Math.floor(random() * (to - from + 1));
  const { items, events, packages, metered } = makePlans(draw, CYCLES.now);
  const always = (plan: FleetPlan): FleetTerm[] => [{ from: VALID_FROM, plan }];
  const versions = (plans: readonly FleetPlan[]): FleetTerm[] =>
    plans.map((plan) => ({ from: plan.effectiveFrom, plan }));
  const moves = [
    ...always(items),
    { from: `${CYCLES.past}-16T10:20:00.000Z`, plan: events },
    { from: `${CYCLES.now}-11T05:20:00.000Z`, plan: items },
  ];
  const returns = [
    ...always(items),
    { from: `${CYCLES.now}-08T00:00:00.000Z`, plan: metered[0] },
    ...versions(metered).slice(1),
  ];
  const make = (tenantId: string, terms: FleetTerm[], habit: Habit): FleetTenant =>
    makeTenant(tenantId, terms, { habit, draw });
  return [
    make("a_items", always(items), { used: "above", isLate: true, goesOn: true }),
    make("b_events", always(events), { used: "above", isLate: true, goesOn: true }),
    make("c_within", always(items), { used: "below" }),
    make("d_idle", always(events), { used: "idle" }),
    make("e_versions", versions(packages), { used: "above" }),
    make("f_moves", moves, { used: "above", isLate: true, hasOneMeter: true }),
    make("g_moves", returns, { used: "above", hasOneMeter: true }),
    make("h_left", always(items), { used: "above", hasLeft: true }),
    make("i_left", always(events), { used: "above", hasOneMeter: true, hasLeft: true }),
  ];
}

function makeTenant(tenantId: string, terms: FleetTerm[], { habit, draw }: { habit: Habit; draw: Draw }): FleetTenant {
  const above = (units: number): bigint =>
    BigInt(units + draw(100, 900)) * BigInt(MICROS) + BigInt(draw(0, MICROS - 1));
  const below = (units: number): bigint => BigInt(draw(0, units - 1)) * BigInt(MICROS);
  const tenant: FleetTenant = {
    tenantId,
    customer: `cus_${tenantId}`,
    terms,
    hasLeft: habit.hasLeft === true,
    usage: [],
    late: [],
  };
  if (habit.used === "idle") return tenant;
  const quantity = habit.used === "above" ? above : below;
  const usage = [CYCLES.past, CYCLES.now].flatMap((cycle) => useParts(tenant, cycle, { habit, quantity }));
  return {
    ...tenant,
    usage: habit.goesOn === true ? [...usage, ...useNext(tenant, quantity)] : usage,
    late: habit.isLate === true ? lateUsage(tenant, draw) : [],
  };
}

/** The first and the last hour of each part, where a change would show first. */
const useParts = (
  tenant: FleetTenant,
  cycle: string,
  { habit, quantity }: { habit: Habit; quantity: (units: number) => bigint },
): FleetUsage[] =>
  partsOf(tenant, cycle).flatMap(({ from, to, plan }) =>
    plan.meters
      .slice(0, habit.hasOneMeter === true ? 1 : undefined)
      .flatMap(({ meterKey, includedUnits }) =>
        [from, hourBefore(to)].map((hour) => ({ meterKey, hour, micros: quantity(includedUnits) / 2n })),
      ),
  );

const useNext = (tenant: FleetTenant, quantity: (units: number) => bigint): FleetUsage[] =>
  partsOf(tenant, CYCLES.next)
    .flatMap(({ plan }) => plan.meters.slice(0, 1))
    .map(({ meterKey, includedUnits }) => ({
      meterKey,
      hour: `${CYCLES.next}-02T10`,
      micros: quantity(includedUnits),
    }));

const lateUsage = (tenant: FleetTenant, draw: Draw): FleetLateUsage[] =>
  partsOf(tenant, CYCLES.past).flatMap(({ from, to, plan }) =>
    plan.meters.slice(0, 1).flatMap(({ meterKey }) =>
      [from, hourBefore(to)].map((hour) => ({
        meterKey,
        hour,
        correctedCycle: CYCLES.past,
        r2Key: usageObjectKey({ tenantId: tenant.tenantId, hour, name: "late" }),
        micros: BigInt(draw(10, 90)) * BigInt(MICROS) + BigInt(draw(0, MICROS - 1)),
      })),
    ),
  );
