import type { SentEvent } from "./event-source.ts";
import type { CountedTotal } from "./fault-plan.ts";

/** What two sides say of all events together. */
export interface Comparison {
  acknowledged: number;
  counted: number;
  /** Distinct values among them, each once a month, and what was counted of these. */
  values: number;
  countedValues: number;
  /** Acknowledged minus counted, events and values, over the tenants and meters where that is above 0. */
  lost: number;
  /** The same below 0, as a positive number. */
  doubled: number;
  /** First tenants and meters that differ, quantities included. */
  differences: string[];
}

const DIFFERENCES_MAX = 5;

const noTotal = () => ({ events: 0, qty: 0n, values: new Set<string>() });

/** An account of its own of what was acknowledged with 2xx: each event once, however often it was sent. */
export class Ledger {
  readonly #seen = new Set<number>();
  readonly #totals = new Map<string, { events: number; qty: bigint; values: Set<string> }>();
  /** Acknowledgements of an event that had one already. */
  repeated = 0;

  has(index: number): boolean {
    return this.#seen.has(index);
  }

  acknowledge({ index, tenantId, meterKey, qtyMicros, monthlyValue }: SentEvent): void {
    if (this.#seen.has(index)) {
      this.repeated += 1;
      return;
    }
    this.#seen.add(index);
    const name = `${tenantId} ${meterKey}`;
    const total = this.#totals.get(name) ?? noTotal();
    if (monthlyValue !== undefined) total.values.add(monthlyValue);
    this.#totals.set(name, { ...total, events: total.events + 1, qty: total.qty + qtyMicros });
  }

  compare(counted: readonly CountedTotal[]): Comparison {
    const rest = new Map(counted.map((total) => [`${total.tenantId} ${total.meterKey}`, total]));
    const acknowledged = this.#seen.size;
    const result: Comparison = {
      acknowledged,
      counted: 0,
      values: 0,
      countedValues: 0,
      lost: 0,
      doubled: 0,
      differences: [],
    };
    for (const name of new Set([...this.#totals.keys(), ...rest.keys()])) {
      const expected = this.#totals.get(name) ?? noTotal();
      const found = rest.get(name) ?? { events: 0, qty: "0", values: 0 };
      const differences = [expected.events - found.events, expected.values.size - found.values];
      result.counted += found.events;
      result.values += expected.values.size;
      result.countedValues += found.values;
      for (const difference of differences) {
        result.lost += Math.max(0, difference);
        result.doubled += Math.max(0, -difference);
      }
      const isEqual = differences.every((difference) => difference === 0) && expected.qty === BigInt(found.qty);
      if (!isEqual && result.differences.length < DIFFERENCES_MAX) {
        result.differences.push(
          `${name}: acknowledged ${expected.events} (${expected.qty} micro-units, ${expected.values.size} values), ` +
            `counted ${found.events} (${found.qty}, ${found.values})`,
        );
      }
    }
    return result;
  }
}
