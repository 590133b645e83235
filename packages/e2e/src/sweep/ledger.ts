import type { SentEvent } from "./event-source.ts";
import type { CountedTotal } from "./fault-plan.ts";

/** What two sides say of all events together. */
export interface Comparison {
  acknowledged: number;
  counted: number;
  /** Acknowledged minus counted over the tenants and meters where that is above 0. */
  lost: number;
  /** The same below 0, as a positive number. */
  doubled: number;
  /** First tenants and meters that differ, quantities included. */
  differences: string[];
}

const DIFFERENCES_MAX = 5;

/** An account of its own of what was acknowledged with 2xx: each event once, however often it was sent. */
export class Ledger {
  readonly #seen = new Set<number>();
  readonly #totals = new Map<string, { events: number; qty: bigint }>();
  /** Acknowledgements of an event that had one already. */
  repeated = 0;

  has(index: number): boolean {
    return this.#seen.has(index);
  }

  acknowledge({ index, tenantId, meterKey, qtyMicros }: SentEvent): void {
    if (this.#seen.has(index)) {
      this.repeated += 1;
      return;
    }
    this.#seen.add(index);
    const name = `${tenantId} ${meterKey}`;
    const total = this.#totals.get(name) ?? { events: 0, qty: 0n };
    this.#totals.set(name, { events: total.events + 1, qty: total.qty + qtyMicros });
  }

  compare(counted: readonly CountedTotal[]): Comparison {
    const rest = new Map(counted.map((total) => [`${total.tenantId} ${total.meterKey}`, total]));
    const result: Comparison = { acknowledged: this.#seen.size, counted: 0, lost: 0, doubled: 0, differences: [] };
    for (const name of new Set([...this.#totals.keys(), ...rest.keys()])) {
      const expected = this.#totals.get(name) ?? { events: 0, qty: 0n };
      const found = rest.get(name) ?? { events: 0, qty: "0" };
      const difference = expected.events - found.events;
      result.counted += found.events;
      result.lost += Math.max(0, difference);
      result.doubled += Math.max(0, -difference);
      if ((difference !== 0 || expected.qty !== BigInt(found.qty)) && result.differences.length < DIFFERENCES_MAX) {
        result.differences.push(
          `${name}: acknowledged ${expected.events} (${expected.qty} micro-units), counted ${found.events} (${found.qty})`,
        );
      }
    }
    return result;
  }
}
