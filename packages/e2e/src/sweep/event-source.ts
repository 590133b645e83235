import { createRandom } from "../bench/statistics.ts";

/** An event as the ledger knows it. */
export interface SentEvent {
  /** Its number among all events of the sweep. */
  index: number;
  tenantId: string;
  meterKey: string;
  /** 0 for the meter that counts distinct values: late usage keeps no quantity of it. */
  qtyMicros: bigint;
  /** What that meter counts once: the value with the month of the event's own time. */
  monthlyValue?: string;
  /** The event as it is sent, without an id. */
  fields: Record<string, unknown>;
  id: string;
}

/** Makes events from their number: the same number gives the same event, which is what a retry or a copy is. */
export interface EventSource {
  /** @param bornMs clock at which it was first made; its own time is a little before. */
  make(index: number, bornMs: number): SentEvent;
}

/** The meter of the sweep that counts distinct values. */
export const UNIQUE_METER = "visitors";
const METERS = ["api_requests", "tokens", UNIQUE_METER];
/** Half of the visits are by a few, the others by many. */
const VISITORS = [3, 20_000];
const HOUR_MS = 3_600_000;
/** Most events are of the last hours, a few of days before: each hour becomes an object of its own. */
const AGES_HOURS = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 26];
const TENANT_STRETCH = 500;
const QTY_UNITS_MAX = 5_000;

export function createEventSource(seed: number, tenantIds: readonly string[]): EventSource {
  return {
    make: (index, bornMs) => {
      const random = createRandom(seed ^ Math.imul(index + 1, 0x9e3779b1));
      const pick = <T>(items: readonly T[], none: T): T => items[Math.floor(random() * items.length)] ?? none;
      // Neighbours belong to one tenant, as the events of one sender do; now and then one strays.
      const home = tenantIds[Math.floor(index / TENANT_STRETCH) % tenantIds.length] ?? "";
      const tenantId = random() < 0.001 ? pick(tenantIds, home) : home;
      const meterKey = pick(METERS, "");
      const ageMs = pick(AGES_HOURS, 0) * HOUR_MS + Math.floor(random() * 1_000);
      const hundredths = 1 + Math.floor(random() * QTY_UNITS_MAX);
      const qty = `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, "0")}`;
      const timestamp = new Date(bornMs - ageMs).toISOString();
      const event = { index, tenantId, meterKey, id: `${seed}-${index}` };
      const fields = { tenant_id: tenantId, meter_key: meterKey, timestamp };
      if (meterKey !== UNIQUE_METER) {
        return { ...event, qtyMicros: BigInt(hundredths) * 10_000n, fields: { ...fields, qty } };
      }
      const value = `visitor ${Math.floor(random() * pick(VISITORS, 1))}`;
      const monthlyValue = `${timestamp.slice(0, 7)} ${value}`;
      return { ...event, qtyMicros: 0n, monthlyValue, fields: { ...fields, value } };
    },
  };
}
