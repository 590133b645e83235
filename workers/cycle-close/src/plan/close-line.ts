import { divideHalfUp } from "@prego/core/money";
import type { Cycle } from "@prego/core/period";
import { formatQuantity, MICROS_PER_UNIT, type QuantityMicros } from "@prego/core/quantity";
import type { Aggregation, MeterDefinition, PlanVersion } from "./inputs.ts";
import { type LinePart, prorate } from "./line-part.ts";
import type { LineSnapshot } from "./snapshot.ts";

/** One row of `usage_cycle_totals` to be. */
export interface CloseLine {
  meterKey: string;
  cycle: Cycle;
  /** Equal to `cycle`, or the closed cycle that late usage corrects. */
  correctedCycle: Cycle;
  quantity: QuantityMicros;
  /** Allowance of the line; for late usage, the part of it that the allowance covers. */
  included: QuantityMicros;
  overage: QuantityMicros;
  amountMinor: bigint;
  currency: string;
  snapshot: LineSnapshot;
  digest: string;
}

/** What a plan says about one meter, whether it prices it or not. */
export interface MeterTerms {
  snapshot: Omit<LineSnapshot, "events" | "parts" | "meter_units" | "corrects" | "level_micros" | "amount_reason">;
  currency: string;
}

/** Where a plan version applies. */
export interface TermsScope {
  cycle: Cycle;
  part: LinePart;
}

/**
 * The terms of one meter in one part of a cycle, allowances by its hours; a meter that the plan does not name is recorded and
 * costs nothing.
 */
export function termsOf(
  plan: PlanVersion,
  { meterKey, definition }: { meterKey: string; definition: MeterDefinition | undefined },
  { cycle, part }: TermsScope,
): MeterTerms {
  const meter = plan.meters.find((one) => one.meterKey === meterKey);
  const pooled = meter !== undefined && meter.poolWeight !== null && plan.poolIncluded !== null;
  const aggregation: Aggregation = definition?.aggregation ?? "sum";
  return {
    currency: plan.currency,
    snapshot: {
      version: 1,
      plan_id: plan.planId,
      plan_version: plan.version,
      billing_mode: plan.billingMode,
      aggregation,
      unit: definition?.unit ?? null,
      price: meter?.price ?? null,
      allowance_micros: prorate(meter?.included ?? 0n, cycle, part).toString(),
      pool: pooled
        ? {
            included_micros: prorate(plan.poolIncluded ?? 0n, cycle, part).toString(),
            weight: meter.poolWeight ?? "0",
            covered_micros: "0",
          }
        : null,
      stripe_event_name: meter?.stripeEventName ?? null,
      note: meter === undefined ? "meter_not_in_plan" : null,
      ...(part === undefined ? {} : { part }),
    },
  };
}

/** Whole units of an overage, the unit of a billing meter: rounded half up, once. */
export const wholeUnits = (overage: QuantityMicros): bigint => divideHalfUp(overage, MICROS_PER_UNIT);

/** What a line sends to a billing meter; null in the other mode. The units of all lines of a cycle add up to its rounded total. */
export function meterUnits(
  mode: LineSnapshot["billing_mode"],
  before: QuantityMicros,
  after: QuantityMicros,
): LineSnapshot["meter_units"] {
  if (mode !== "meter_event") return null;
  return { sent: (wholeUnits(after) - wholeUnits(before)).toString(), overage: formatQuantity(after - before) };
}
