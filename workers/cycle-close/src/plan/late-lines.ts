import { parseRate, RATE_SCALE } from "@prego/core/money";
import { type Cycle, formatInstant } from "@prego/core/period";
import { priceQuantity } from "@prego/core/pricing";
import { MICROS_PER_UNIT, type QuantityMicros } from "@prego/core/quantity";
import { type CloseLine, type MeterTerms, meterUnits, termsOf } from "./close-line.ts";
import {
  type Aggregation,
  type LateUsage,
  type StoredLine,
  TenantCloseError,
  type TenantCloseInputs,
} from "./inputs.ts";
import { correctLevel, type Level, NO_LEVEL, readLevel } from "./late-level.ts";
import { partKey, prorate } from "./line-part.ts";
import { describeParts } from "./snapshot.ts";

/** What a meter of a corrected cycle adds up to so far, over the close of that cycle and all corrections since. */
interface MeterState {
  terms: MeterTerms;
  quantity: QuantityMicros;
  overage: QuantityMicros;
  /** Of a largest-value or last-value meter, what the quantity is the share of. */
  level?: Level;
}

/**
 * Lines for late usage, each on top of what its own part of its own cycle has been billed: the allowance that is left over there is used
 * first, and the price is that of the new total less that of the old one. So an allowance is granted once, and all lines
 * of a cycle add up to the price of what was used in it. An overage or amount may be negative.
 */
export function planLateLines(inputs: TenantCloseInputs): CloseLine[] {
  const byPart = Map.groupBy(inputs.late, ({ correctedCycle, part }) => `${correctedCycle} ${partKey(part)}`);
  return [...byPart.keys()].toSorted().flatMap((key) => {
    const late = (byPart.get(key) ?? []).toSorted((a, b) => (a.meterKey < b.meterKey ? -1 : 1));
    const [first] = late;
    const states = first === undefined ? new Map<string, MeterState>() : readStates(inputs, first);
    return late.map((usage) => planLateLine(inputs.cycle, usage, { states, base: () => baseTerms(inputs, usage) }));
  });
}

function readStates(inputs: TenantCloseInputs, { correctedCycle, part }: LateUsage): Map<string, MeterState> {
  const lines = inputs.stored.filter(
    (line) => line.correctedCycle === correctedCycle && partKey(line.snapshot.part) === partKey(part),
  );
  const states = new Map<string, MeterState>();
  for (const line of lines.toSorted((a, b) => (a.cycle < b.cycle ? -1 : 1))) {
    const known = states.get(line.meterKey);
    const overage = (known?.overage ?? 0n) + line.overage;
    const terms = known?.terms ?? termsOfStored(line);
    const level = isOfLevels(terms) ? (readLevel(line) ?? known?.level) : undefined;
    const quantity =
      level === undefined ? (known?.quantity ?? 0n) + line.qty : prorate(level.qty, correctedCycle, part);
    states.set(line.meterKey, { terms, quantity, overage, ...(level === undefined ? {} : { level }) });
  }
  return states;
}

function termsOfStored({ snapshot, currency }: StoredLine): MeterTerms {
  const { events: _events, parts: _parts, meter_units: _units, corrects: _corrects, ...rest } = snapshot;
  const { level_micros: _level, level_at: _levelAt, amount_reason: _reason, ...terms } = rest;
  // What could not be said of one line may be said of the next.
  return { currency, snapshot: { ...terms, note: terms.note === "late_usage_not_priced" ? null : terms.note } };
}

/** Terms for a meter without any line in the part: the plan in force then, or none if that part was closed without it. */
function baseTerms(inputs: TenantCloseInputs, { meterKey, correctedCycle, part }: LateUsage): MeterTerms {
  const meter = { meterKey, definition: inputs.meters.get(meterKey) };
  const scope = { cycle: correctedCycle, part };
  const then = inputs.earlierParts.get(correctedCycle)?.find((one) => partKey(one.part) === partKey(part));
  if (then !== undefined) return termsOf(then.plan, meter, scope);
  const now = inputs.parts.at(-1)?.plan;
  if (now === undefined) throw new TenantCloseError("plan_missing", correctedCycle);
  return termsOf({ ...now, meters: [] }, meter, scope);
}

/** Whether the meter is billed for a value that it had instead of what adds up. */
const isOfLevels = ({ snapshot: { price, aggregation } }: MeterTerms): boolean =>
  price !== null && (aggregation === "max" || aggregation === "last");

function planLateLine(
  cycle: Cycle,
  usage: LateUsage,
  context: { states: Map<string, MeterState>; base: () => MeterTerms },
): CloseLine {
  const { states } = context;
  const before = states.get(usage.meterKey) ?? { terms: context.base(), quantity: 0n, overage: 0n };
  const { price, aggregation, billing_mode: mode } = before.terms.snapshot;
  const used = addLate(before, usage);
  const after = used === undefined ? before : advance(usage.meterKey, used, states);
  states.set(usage.meterKey, after);
  const isPriced = used !== undefined && price !== null;
  const priced = isPriced ? priceQuantity(price, after.overage) : { amountMinor: 0n, parts: [] };
  const amountBefore = isPriced ? priceQuantity(price, before.overage).amountMinor : 0n;
  const quantity = isPriced ? after.quantity - before.quantity : quantityOf(aggregation, usage);
  const overage = after.overage - before.overage;
  return {
    meterKey: usage.meterKey,
    cycle,
    correctedCycle: usage.correctedCycle,
    quantity,
    included: quantity - overage,
    overage,
    amountMinor: priced.amountMinor - amountBefore,
    currency: before.terms.currency,
    snapshot: {
      ...before.terms.snapshot,
      events: usage.events.toString(),
      pool: poolShare(before, after),
      parts: describeParts(priced.parts),
      meter_units: isPriced ? meterUnits(mode, before.overage, after.overage) : null,
      corrects: {
        quantity_before_micros: before.quantity.toString(),
        quantity_after_micros: after.quantity.toString(),
        overage_before_micros: before.overage.toString(),
        overage_after_micros: after.overage.toString(),
      },
      ...(isPriced ? describeLevel(after) : {}),
      note: isPriced || price === null ? before.terms.snapshot.note : "late_usage_not_priced",
    },
    digest: usage.digest,
  };
}

const quantityOf = (aggregation: Aggregation, usage: LateUsage): QuantityMicros =>
  aggregation === "count" ? usage.events * MICROS_PER_UNIT : usage.qty;

/** What the meter comes to with late usage; undefined when that costs nothing, or cannot be said. */
function addLate(before: MeterState, usage: LateUsage): MeterState | undefined {
  const { price, aggregation } = before.terms.snapshot;
  if (price === null) return undefined;
  if (aggregation !== "max" && aggregation !== "last") {
    return { ...before, quantity: before.quantity + quantityOf(aggregation, usage) };
  }
  const level = correctLevel(before.level ?? NO_LEVEL, usage, aggregation);
  if (level === undefined) return undefined;
  return { ...before, level, quantity: prorate(level.qty, usage.correctedCycle, usage.part) };
}

function describeLevel({ level }: MeterState): Pick<CloseLine["snapshot"], "level_micros" | "level_at"> {
  if (level === undefined) return {};
  const isTimed = level.atMs !== null && Number.isFinite(level.atMs);
  return { level_micros: level.qty.toString(), ...(isTimed ? { level_at: formatInstant(level.atMs ?? 0) } : {}) };
}

function advance(meterKey: string, state: MeterState, states: ReadonlyMap<string, MeterState>): MeterState {
  return { ...state, overage: overageOf(meterKey, state, states) };
}

function poolShare(before: MeterState, after: MeterState): CloseLine["snapshot"]["pool"] {
  const { pool } = before.terms.snapshot;
  if (pool === null) return null;
  const covered = restAboveOwn(after) - after.overage - (restAboveOwn(before) - before.overage);
  return { ...pool, covered_micros: covered.toString() };
}

function overageOf(meterKey: string, state: MeterState, states: ReadonlyMap<string, MeterState>): QuantityMicros {
  const rest = restAboveOwn(state);
  const { pool } = state.terms.snapshot;
  if (pool === null || rest === 0n) return rest;
  const weight = weightOf(pool.weight, meterKey);
  if (weight === 0n) return 0n;
  const poolLeft = BigInt(pool.included_micros) * RATE_SCALE - takenByOthers(meterKey, states);
  const coverable = poolLeft > 0n ? poolLeft / weight : 0n;
  return rest > coverable ? rest - coverable : 0n;
}

function takenByOthers(meterKey: string, states: ReadonlyMap<string, MeterState>): bigint {
  let taken = 0n;
  for (const [key, state] of states) {
    const { pool } = state.terms.snapshot;
    if (key !== meterKey && pool !== null) {
      taken += (restAboveOwn(state) - state.overage) * weightOf(pool.weight, key);
    }
  }
  return taken;
}

function restAboveOwn({ quantity, terms }: MeterState): QuantityMicros {
  const rest = quantity - BigInt(terms.snapshot.allowance_micros);
  return rest > 0n ? rest : 0n;
}

function weightOf(text: string, meterKey: string): bigint {
  const rate = parseRate(text);
  if (rate === undefined) throw new TenantCloseError("snapshot_invalid", meterKey);
  return rate.scaled;
}
