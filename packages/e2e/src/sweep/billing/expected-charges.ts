import type { Fleet, FleetPlan, FleetPrice, FleetTenant } from "./fleet.ts";

/** A line that must be stored, and the charge that follows from it. */
export interface ExpectedLine {
  tenantId: string;
  customer: string;
  mode: FleetPlan["mode"];
  meterKey: string;
  eventName: string;
  /** The closed cycle that late usage corrects, or the cycle itself. */
  correctedCycle: string;
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

function cycleLines(tenant: FleetTenant, cycle: string): ExpectedLine[] {
  return tenant.plan.meters.map((meter) => {
    const qty = sum(tenant.usage.filter(({ meterKey, hour }) => meterKey === meter.meterKey && hour.startsWith(cycle)));
    const overage = aboveAllowance(qty, meter.includedUnits);
    const amountMinor = priceOf(meter.price, overage);
    const charge = tenant.plan.mode === "meter_event" ? roundHalfUp(overage, MICROS) : amountMinor;
    return { ...nameLine(tenant, meter), correctedCycle: cycle, isLate: false, qty, overage, amountMinor, charge };
  });
}

/** Late usage costs what the cycle costs with it, less what it cost without it. */
function lateLines(tenant: FleetTenant): ExpectedLine[] {
  const groups = Map.groupBy(tenant.late, ({ meterKey, correctedCycle }) => `${meterKey} ${correctedCycle}`);
  return [...groups.values()].flatMap((late) => {
    const [{ meterKey, correctedCycle } = { meterKey: "", correctedCycle: "" }] = late;
    const meter = tenant.plan.meters.find((one) => one.meterKey === meterKey);
    if (meter === undefined) return [];
    const inCycle = tenant.usage.filter((one) => one.meterKey === meterKey && one.hour.startsWith(correctedCycle));
    const qty = sum(late);
    const before = aboveAllowance(sum(inCycle), meter.includedUnits);
    const after = aboveAllowance(sum(inCycle) + qty, meter.includedUnits);
    const amountMinor = priceOf(meter.price, after) - priceOf(meter.price, before);
    const units = roundHalfUp(after, MICROS) - roundHalfUp(before, MICROS);
    const charge = tenant.plan.mode === "meter_event" ? units : amountMinor;
    const overage = after - before;
    return [{ ...nameLine(tenant, meter), correctedCycle, isLate: true, qty, overage, amountMinor, charge }];
  });
}

const nameLine = (
  { tenantId, customer, plan }: FleetTenant,
  { meterKey, eventName }: FleetPlan["meters"][number],
): Pick<ExpectedLine, "tenantId" | "customer" | "mode" | "meterKey" | "eventName"> => ({
  tenantId,
  customer,
  mode: plan.mode,
  meterKey,
  eventName,
});

const sum = (usage: readonly { micros: bigint }[]): bigint => usage.reduce((total, { micros }) => total + micros, 0n);

const aboveAllowance = (qty: bigint, includedUnits: number): bigint => {
  const rest = qty - BigInt(includedUnits) * MICROS;
  return rest > 0n ? rest : 0n;
};

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
