import { type PooledLine, priceQuantity, splitAllowance, splitPooledAllowance } from "@prego/core/pricing";
import { MICROS_PER_UNIT, type QuantityMicros } from "@prego/core/quantity";
import { DEFAULT_METER_KEY } from "@prego/core/usage-event";
import { METERS_PER_TENANT_MAX } from "../limits.ts";
import { type CloseLine, type MeterTerms, meterUnits, termsOf } from "./close-line.ts";
import { type Aggregation, type MeterUsage, TenantCloseError, type TenantCloseInputs } from "./inputs.ts";
import { describeParts } from "./snapshot.ts";

/** SHA-256 of no rows: the digest of a meter without usage. */
export const EMPTY_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

interface Draft {
  meterKey: string;
  terms: MeterTerms;
  quantity: QuantityMicros;
  /** Above the meter's own allowance. */
  rest: QuantityMicros;
  own: QuantityMicros;
  events: bigint;
  digest: string;
}

/**
 * The cycle's own lines in order of the meter key: one for every meter of the plan and every meter used. Own allowances
 * are used first, then the pool in the same order. A plan without meters still gets one line of 0, so that a closed
 * tenant always shows.
 */
export function planBaseLines(inputs: TenantCloseInputs): CloseLine[] {
  const used = new Map(inputs.usage.map((usage) => [usage.meterKey, usage]));
  const priced = new Map(inputs.plan.meters.map((meter) => [meter.meterKey, meter]));
  const keys = [...new Set([...priced.keys(), ...used.keys()])].toSorted();
  if (keys.length > METERS_PER_TENANT_MAX) throw new TenantCloseError("too_many_meters", inputs.tenantId);
  const drafts = (keys.length === 0 ? [DEFAULT_METER_KEY] : keys).map((meterKey) =>
    draftLine(meterKey, termsOf(inputs.plan, priced.get(meterKey), inputs.meters.get(meterKey)), used.get(meterKey)),
  );
  const covered = coverFromPool(drafts, inputs.plan.poolIncluded ?? 0n);
  return drafts.map((draft) => priceDraft(draft, covered.get(draft.meterKey) ?? 0n, inputs.cycle));
}

function draftLine(meterKey: string, terms: MeterTerms, usage: MeterUsage | undefined): Draft {
  const { aggregation, allowance_micros: allowance, price } = terms.snapshot;
  const quantity = usage === undefined ? 0n : combineHours(usage, price === null ? "sum" : aggregation);
  const own = BigInt(allowance);
  const { overage: rest } = price === null ? { overage: 0n } : splitAllowance({ quantity, included: own });
  return { meterKey, terms, quantity, rest, own, events: usage?.events ?? 0n, digest: usage?.digest ?? EMPTY_DIGEST };
}

function combineHours(usage: MeterUsage, aggregation: Aggregation): QuantityMicros {
  switch (aggregation) {
    case "sum":
      return usage.qty;
    case "count":
      return usage.events * MICROS_PER_UNIT;
    case "max":
      return required(usage.maxQty, usage.meterKey);
    case "last":
      return required(usage.lastQty, usage.meterKey);
    case "unique":
      // Hours count the same key again, so hourly rollups cannot say how many there were in the cycle.
      throw new TenantCloseError("aggregation_not_billable", usage.meterKey);
  }
}

function required(quantity: QuantityMicros | null, meterKey: string): QuantityMicros {
  if (quantity === null) throw new TenantCloseError("rollup_incomplete", meterKey);
  return quantity;
}

function coverFromPool(drafts: readonly Draft[], poolIncluded: bigint): Map<string, QuantityMicros> {
  const pooled: PooledLine[] = drafts.flatMap(({ meterKey, rest, terms }) =>
    terms.snapshot.pool === null ? [] : [{ key: meterKey, quantity: rest, weight: terms.snapshot.pool.weight }],
  );
  return new Map(splitPooledAllowance(pooled, poolIncluded).map(({ key, covered }) => [key, covered]));
}

function priceDraft(draft: Draft, poolCovered: QuantityMicros, cycle: string): CloseLine {
  const { terms, rest, own } = draft;
  const { price, pool, billing_mode: mode } = terms.snapshot;
  const overage = rest - poolCovered;
  const { amountMinor, parts } = price === null ? { amountMinor: 0n, parts: [] } : priceQuantity(price, overage);
  return {
    meterKey: draft.meterKey,
    cycle,
    correctedCycle: cycle,
    quantity: draft.quantity,
    included: own + poolCovered,
    overage,
    amountMinor,
    currency: terms.currency,
    snapshot: {
      ...terms.snapshot,
      events: draft.events.toString(),
      pool: pool === null ? null : { ...pool, covered_micros: poolCovered.toString() },
      parts: describeParts(parts),
      meter_units: price === null ? null : meterUnits(mode, 0n, overage),
      corrects: null,
    },
    digest: draft.digest,
  };
}
