import type { FleetEvent, FleetTenant } from "./fleet.ts";
import type { FleetAggregation, FleetPlan, FleetPlanMeter, FleetPrice } from "./fleet-plans.ts";
import {
  add,
  ceil,
  divide,
  floor,
  type Fraction,
  fraction,
  fromMicros,
  isLess,
  min,
  multiply,
  roundHalfUp,
  subtract,
  ZERO,
} from "./fraction.ts";

/** What a line must say; quantities in millionths, the amount in minor units. */
export interface ExpectedLine {
  meterKey: string;
  correctedCycle: string;
  quantity: bigint;
  overage: bigint;
  amountMinor: bigint;
  /** Whole units for a billing meter. */
  units: bigint;
}

/** A meter's total in one cycle, and what of it was above the allowances. */
interface Total {
  meterKey: string;
  meter: FleetPlanMeter | undefined;
  quantity: bigint;
  /** Above the meter's own allowance. */
  rest: bigint;
  overage: bigint;
}

/** The lines of a cycle's own usage, computed from the events as docs/billing.md says it. */
export function expectLines(plan: FleetPlan, cycle: string, events: readonly FleetEvent[]): ExpectedLine[] {
  return totalsOf(plan, events).map(({ meterKey, meter, quantity, overage }) => ({
    meterKey,
    correctedCycle: cycle,
    quantity,
    overage,
    amountMinor: meter === undefined ? 0n : priceOf(meter.price, overage),
    units: meter === undefined ? 0n : roundHalfUp(fromMicros(overage)),
  }));
}

/** The lines that late usage of the first cycle adds to the second one. */
export function expectLateLines({ plan, first, late }: FleetTenant, cycle: string): ExpectedLine[] {
  const totals = new Map(totalsOf(plan, first).map((total) => [total.meterKey, total]));
  const byMeter = Map.groupBy(late, (event) => event.meterKey);
  return [...byMeter.keys()].toSorted().map((meterKey) => {
    const meter = plan.meters.find((one) => one.meterKey === meterKey);
    const before = totals.get(meterKey) ?? { meterKey, meter, quantity: 0n, rest: 0n, overage: 0n };
    const events = byMeter.get(meterKey) ?? [];
    const quantity = combineLate(meter?.aggregation ?? "sum", {
      late: events,
      first: first.filter((event) => event.meterKey === meterKey),
    });
    const line = { meterKey, correctedCycle: cycle, quantity, overage: 0n, amountMinor: 0n, units: 0n };
    if (meter === undefined) return line;
    const total = before.quantity + quantity;
    const rest = positive(total - meter.includedMicros);
    const left = poolLeft(
      plan,
      [...totals.values()].filter((one) => one.meterKey !== meterKey),
    );
    const overage = rest - coverOf(plan, meter, { rest, left });
    totals.set(meterKey, { meterKey, meter, quantity: total, rest, overage });
    return {
      ...line,
      overage: overage - before.overage,
      amountMinor: priceOf(meter.price, overage) - priceOf(meter.price, before.overage),
      units: roundHalfUp(fromMicros(overage)) - roundHalfUp(fromMicros(before.overage)),
    };
  });
}

/** Totals in order of the meter keys: own allowances first, then the pool in the same order. */
function totalsOf(plan: FleetPlan, events: readonly FleetEvent[]): Total[] {
  const meters = new Map(plan.meters.map((meter) => [meter.meterKey, meter]));
  const byMeter = Map.groupBy(events, (event) => event.meterKey);
  const keys = [...new Set([...meters.keys(), ...byMeter.keys()])].toSorted();
  const totals: Total[] = [];
  for (const meterKey of keys.length === 0 ? ["api_requests"] : keys) {
    const meter = meters.get(meterKey);
    const quantity = combine(byMeter.get(meterKey) ?? [], meter?.aggregation ?? "sum");
    const rest = meter === undefined ? 0n : positive(quantity - meter.includedMicros);
    const covered = meter === undefined ? 0n : coverOf(plan, meter, { rest, left: poolLeft(plan, totals) });
    totals.push({ meterKey, meter, quantity, rest, overage: rest - covered });
  }
  return totals;
}

function combine(events: readonly FleetEvent[], aggregation: FleetAggregation): bigint {
  const [first] = events;
  if (first === undefined) return 0n;
  switch (aggregation) {
    case "sum":
      return sum(events);
    case "count":
      return BigInt(events.length) * 1_000_000n;
    case "max":
      return events.reduce((most, { qtyMicros }) => (qtyMicros > most ? qtyMicros : most), first.qtyMicros);
    case "unique":
      return countValues(events);
    case "last": {
      const isLater = (a: FleetEvent, b: FleetEvent) =>
        a.atMs > b.atMs || (a.atMs === b.atMs && a.qtyMicros > b.qtyMicros);
      return events.reduce((last, event) => (isLater(event, last) ? event : last), first).qtyMicros;
    }
  }
}

/** What late usage adds to its cycle: of values, those that the cycle did not have; of the rest, how much the whole is more. */
function combineLate(
  aggregation: FleetAggregation,
  { late, first }: { late: readonly FleetEvent[]; first: readonly FleetEvent[] },
): bigint {
  switch (aggregation) {
    case "count":
      return combine(late, "count");
    case "unique":
      return countValues([...first, ...late]) - countValues(first);
    case "sum":
      return sum(late);
    case "max":
    case "last":
      return combine([...first, ...late], aggregation) - combine(first, aggregation);
  }
}

const countValues = (events: readonly FleetEvent[]): bigint =>
  BigInt(new Set(events.flatMap(({ value }) => value ?? [])).size) * 1_000_000n;

const sum = (events: readonly FleetEvent[]): bigint => events.reduce((total, { qtyMicros }) => total + qtyMicros, 0n);
const positive = (micros: bigint): bigint => (micros > 0n ? micros : 0n);

/** Weighted millionths that the totals leave in the pool. */
function poolLeft(plan: FleetPlan, totals: readonly Total[]): Fraction {
  const taken = totals.map(({ meter, rest, overage }) =>
    meter === undefined || meter.weight === null
      ? ZERO
      : multiply({ n: rest - overage, d: 1n }, fraction(meter.weight)),
  );
  return subtract({ n: plan.poolMicros ?? 0n, d: 1n }, taken.reduce(add, ZERO));
}

/** Whole millionths of the rest that the pool pays for. */
function coverOf(
  { poolMicros }: FleetPlan,
  { weight }: FleetPlanMeter,
  { rest, left }: { rest: bigint; left: Fraction },
): bigint {
  if (weight === null || poolMicros === null) return 0n;
  const each = fraction(weight);
  if (each.n === 0n) return rest;
  return positive(floor(min({ n: rest, d: 1n }, divide(left, each))));
}

/** The price of an overage, rounded once. */
function priceOf(price: FleetPrice, overage: bigint): bigint {
  if (overage === 0n) return 0n;
  const units = fromMicros(overage);
  switch (price.model) {
    case "flat":
      return roundHalfUp(multiply(units, fraction(price.unitAmount)));
    case "package": {
      const packages = ceil(divide(units, fraction(price.packageSize)));
      return roundHalfUp(multiply({ n: packages, d: 1n }, fraction(price.packageAmount)));
    }
    case "volume": {
      const tier = price.tiers.find(({ upTo }) => upTo === null || !isLess(fraction(upTo), units));
      const flat = fraction(tier?.flatAmount ?? "0");
      return roundHalfUp(add(multiply(units, fraction(tier?.unitAmount ?? "0")), flat));
    }
    case "graduated": {
      let total = ZERO;
      let from = ZERO;
      for (const { upTo, unitAmount, flatAmount } of price.tiers) {
        if (!isLess(from, units)) break;
        const end = upTo === null ? units : min(units, fraction(upTo));
        total = add(total, add(multiply(subtract(end, from), fraction(unitAmount)), fraction(flatAmount ?? "0")));
        from = end;
      }
      return roundHalfUp(total);
    }
  }
}
