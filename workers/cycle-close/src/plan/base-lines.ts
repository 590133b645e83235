import { formatInstant } from "@prego/core/period";
import { type PooledLine, priceQuantity, splitAllowance, splitPooledAllowance } from "@prego/core/pricing";
import { MICROS_PER_UNIT, type QuantityMicros } from "@prego/core/quantity";
import { DEFAULT_METER_KEY } from "@prego/core/usage-event";
import { METERS_PER_TENANT_MAX } from "../limits.ts";
import { type CloseLine, type MeterTerms, meterUnits, termsOf } from "./close-line.ts";
import {
  type Aggregation,
  type MeterUsage,
  type PartInputs,
  TenantCloseError,
  type TenantCloseInputs,
} from "./inputs.ts";
import { prorate } from "./line-part.ts";
import { describeParts } from "./snapshot.ts";

/** SHA-256 of no rows: the digest of a meter without usage. */
export const EMPTY_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

interface Draft {
  meterKey: string;
  terms: MeterTerms;
  quantity: QuantityMicros;
  /** Value of a largest-value or last-value meter in a cycle of several parts. */
  level: QuantityMicros | undefined;
  /** When a last value was reported. */
  levelAtMs: number | undefined;
  /** Above the meter's own allowance. */
  rest: QuantityMicros;
  own: QuantityMicros;
  events: bigint;
  digest: string;
}

/** Last values by meter, as they stand when a part begins. */
type Levels = Map<string, { qty: QuantityMicros; atMs: number | null }>;

/** The cycle's own lines, part after part; each part is priced by itself. */
export function planBaseLines(inputs: TenantCloseInputs): CloseLine[] {
  const levels: Levels = new Map();
  const lines = inputs.parts.flatMap((part) => planPart(inputs, part, levels));
  if (lines.length > METERS_PER_TENANT_MAX) throw new TenantCloseError("too_many_meters", inputs.tenantId);
  return lines;
}

/**
 * A part's lines in order of the meter key: one for every meter of the plan and every meter used. Own allowances are used
 * first, then the pool in the same order. A plan without meters still gets one line of 0, so that a closed tenant shows.
 */
function planPart(inputs: TenantCloseInputs, { part, plan, usage }: PartInputs, levels: Levels): CloseLine[] {
  const { cycle, meters } = inputs;
  const used = new Map(usage.map((one) => [one.meterKey, one]));
  const keys = [...new Set([...plan.meters.map((meter) => meter.meterKey), ...used.keys()])].toSorted();
  const drafts = (keys.length === 0 ? [DEFAULT_METER_KEY] : keys).map((meterKey) => {
    const terms = termsOf(plan, { meterKey, definition: meters.get(meterKey) }, { cycle, part });
    return draftLine(inputs, { meterKey, terms, usage: used.get(meterKey), levels });
  });
  const covered = coverFromPool(drafts, prorate(plan.poolIncluded ?? 0n, cycle, part));
  return drafts.map((draft) => priceDraft(draft, covered.get(draft.meterKey) ?? 0n, cycle));
}

function draftLine(
  { cycle }: TenantCloseInputs,
  meter: { meterKey: string; terms: MeterTerms; usage: MeterUsage | undefined; levels: Levels },
): Draft {
  const { meterKey, terms, usage } = meter;
  const { aggregation, allowance_micros: allowance, price, part } = terms.snapshot;
  const value = combineHours(meter, combinationOf(aggregation, price !== null));
  if (usage !== undefined && usage.lastQty !== null) {
    meter.levels.set(meterKey, { qty: usage.lastQty, atMs: usage.lastAtMs });
  }
  const isLevel = part !== undefined && price !== null && (aggregation === "max" || aggregation === "last");
  // A level stands for the whole cycle: billed in full in every part, it would be billed several times.
  const quantity = isLevel ? prorate(value, cycle, part) : value;
  const own = BigInt(allowance);
  const { overage: rest } = price === null ? { overage: 0n } : splitAllowance({ quantity, included: own });
  const [events, digest] = [usage?.events ?? 0n, usage?.digest ?? EMPTY_DIGEST];
  const levelAtMs =
    price !== null && aggregation === "last" ? (meter.levels.get(meterKey)?.atMs ?? undefined) : undefined;
  return { meterKey, terms, quantity, level: isLevel ? value : undefined, levelAtMs, rest, own, events, digest };
}

/** How the hours of a meter add up: what the plan does not price is recorded as its sum, or as its distinct values. */
export const combinationOf = (aggregation: Aggregation, isPriced: boolean): Aggregation =>
  isPriced || aggregation === "unique" ? aggregation : "sum";

function combineHours(
  { meterKey, usage, levels }: { meterKey: string; usage: MeterUsage | undefined; levels: Levels },
  aggregation: Aggregation,
): QuantityMicros {
  switch (aggregation) {
    case "sum":
      return usage?.qty ?? 0n;
    case "count":
      return (usage?.events ?? 0n) * MICROS_PER_UNIT;
    case "max":
      return usage === undefined ? 0n : required(usage.maxQty, meterKey);
    case "last":
      // What was reported last still holds in a part in which nothing was reported.
      return usage === undefined ? (levels.get(meterKey)?.qty ?? 0n) : required(usage.lastQty, meterKey);
    case "unique":
      // Each hour holds the values that no earlier one had, so parts add up to the distinct values of the cycle.
      return (usage?.newValues ?? 0n) * MICROS_PER_UNIT;
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
  const { terms, rest, own, level, levelAtMs } = draft;
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
      ...(level === undefined ? {} : { level_micros: level.toString() }),
      ...(levelAtMs === undefined ? {} : { level_at: formatInstant(levelAtMs) }),
    },
    digest: draft.digest,
  };
}
