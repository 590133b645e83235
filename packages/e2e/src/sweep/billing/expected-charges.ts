import { type FleetPart, isWithin, lastPlanOf, partsOf } from "./fleet-parts.ts";
import { CYCLES, type Fleet, type FleetMeter, type FleetPrice, type FleetTenant } from "./fleet.ts";

/** A line that must be stored, and the charge that follows from it. */
export interface ExpectedLine {
  tenantId: string;
  customer: string;
  /** How its charge goes to Stripe. */
  sentAs: "meter_event" | "invoice_item";
  meterKey: string;
  eventName: string;
  /** The closed cycle that late usage corrects, or the cycle itself. */
  correctedCycle: string;
  /** First hour of its part of that cycle. */
  from: string;
  /** Whether that cycle has several parts. */
  isPart: boolean;
  isLate: boolean;
  qty: bigint;
  overage: bigint;
  amountMinor: bigint;
  /** What Stripe must be told: an amount, or whole units of a meter. 0: nothing. */
  charge: bigint;
}

const MICROS = 1_000_000n;
/** Rates have up to four decimals here. */
const RATE = 10_000n;

/** What the seeded usage costs, by arithmetic of its own: the code under test is not asked. */
export const expectLines = (fleet: Fleet, cycles: readonly string[]): ExpectedLine[] =>
  fleet.flatMap((tenant) => [...cycles.flatMap((cycle) => cycleLines(tenant, cycle)), ...lateLines(tenant)]);

/** How Stripe is told of a line: it can price only what a running subscription has the plan of, all else is told as an amount. */
function chooseMode(
  tenant: FleetTenant,
  { plan }: FleetPart,
  { isLate, cycle }: { isLate: boolean; cycle: string },
): ExpectedLine["sentAs"] {
  const closedIn = isLate ? CYCLES.now : cycle;
  const isRunning = !tenant.hasLeft || closedIn === CYCLES.past;
  return isRunning && plan.planId === lastPlanOf(tenant).planId ? plan.mode : "invoice_item";
}

/** The line of a tenant whose subscription ended or paused before its close. */
export const asAmount = (line: ExpectedLine): ExpectedLine => ({
  ...line,
  sentAs: "invoice_item",
  charge: line.amountMinor,
});

function cycleLines(tenant: FleetTenant, cycle: string): ExpectedLine[] {
  return partsOf(tenant, cycle).flatMap((part) =>
    part.plan.meters.map((meter) => {
      const qty = sum(tenant.usage.filter(({ meterKey, hour }) => meterKey === meter.meterKey && isWithin(part, hour)));
      const billed = priceBetween({ part, meter }, { before: 0n, after: qty });
      return describeLine(tenant, { cycle, part, meter }, { isLate: false, qty, ...billed });
    }),
  );
}

/** Late usage costs what its part costs with it, less what it cost without it. */
function lateLines(tenant: FleetTenant): ExpectedLine[] {
  const cycles = new Set(tenant.late.map(({ correctedCycle }) => correctedCycle));
  return [...cycles].flatMap((cycle) =>
    partsOf(tenant, cycle).flatMap((part) =>
      part.plan.meters.flatMap((meter) => {
        const ofPart = ({ meterKey, hour }: { meterKey: string; hour: string }): boolean =>
          meterKey === meter.meterKey && isWithin(part, hour);
        const late = tenant.late.filter(ofPart);
        if (late.length === 0) return [];
        const qty = sum(late);
        const inTime = sum(tenant.usage.filter(ofPart));
        const billed = priceBetween({ part, meter }, { before: inTime, after: inTime + qty });
        return [describeLine(tenant, { cycle, part, meter }, { isLate: true, qty, ...billed })];
      }),
    ),
  );
}

/** What a quantity adds to the overage, the amount and the whole units of what was billed before. */
function priceBetween(
  { part, meter }: { part: FleetPart; meter: FleetMeter },
  { before, after }: { before: bigint; after: bigint },
): { overage: bigint; amountMinor: bigint; units: bigint } {
  const included = shareOf(BigInt(meter.includedUnits) * MICROS, part);
  const overages = [before, after].map((qty) => (qty > included ? qty - included : 0n));
  const [from = 0n, to = 0n] = overages;
  return {
    overage: to - from,
    amountMinor: priceOf(meter.price, to) - priceOf(meter.price, from),
    units: roundHalfUp(to, MICROS) - roundHalfUp(from, MICROS),
  };
}

/** An allowance accrues hour by hour, in whole micro-units; a part has what accrues in it. */
const shareOf = (allowance: bigint, { startHours, endHours, cycleHours }: FleetPart): bigint =>
  (allowance * endHours) / cycleHours - (allowance * startHours) / cycleHours;

function describeLine(
  tenant: FleetTenant,
  { cycle, part, meter }: { cycle: string; part: FleetPart; meter: FleetMeter },
  { units, ...billed }: { isLate: boolean; qty: bigint; overage: bigint; amountMinor: bigint; units: bigint },
): ExpectedLine {
  const sentAs = chooseMode(tenant, part, { isLate: billed.isLate, cycle });
  return {
    tenantId: tenant.tenantId,
    customer: tenant.customer,
    sentAs,
    meterKey: meter.meterKey,
    eventName: meter.eventName,
    correctedCycle: cycle,
    from: part.from,
    isPart: part.endHours - part.startHours < part.cycleHours,
    ...billed,
    charge: sentAs === "meter_event" ? units : billed.amountMinor,
  };
}

/** How rows name the part of a line. */
export const partOf = ({ from, isPart }: ExpectedLine): string => (isPart ? from : "");

const sum = (usage: readonly { micros: bigint }[]): bigint => usage.reduce((total, { micros }) => total + micros, 0n);

/** Minor units of an overage in micro-units. */
function priceOf(price: FleetPrice, overage: bigint): bigint {
  if (price.model === "flat") return roundHalfUp(overage * scaled(price.unitAmount), MICROS * RATE);
  if (price.model === "package") {
    const size = BigInt(price.packageSize) * MICROS;
    const packages = (overage + size - 1n) / size;
    return roundHalfUp(packages * scaled(price.packageAmount), RATE);
  }
  let cost = 0n;
  let from = 0n;
  for (const { upTo, unitAmount } of price.tiers) {
    const end = upTo === null ? overage : BigInt(upTo) * MICROS;
    if (price.model === "volume" && overage <= end) return roundHalfUp(overage * scaled(unitAmount), MICROS * RATE);
    const inTier = (overage < end ? overage : end) - from;
    if (price.model === "graduated" && inTier > 0n) cost += inTier * scaled(unitAmount);
    from = end;
  }
  return roundHalfUp(cost, MICROS * RATE);
}

function scaled(rate: string): bigint {
  const [whole = "0", decimals = ""] = rate.split(".");
  return BigInt(whole) * RATE + BigInt(decimals.padEnd(4, "0"));
}

const roundHalfUp = (value: bigint, unit: bigint): bigint => (2n * value + unit) / (2n * unit);
