import { type Cycle, cycleOfHour } from "@prego/core/period";
import type { ObjectValues } from "./value-reader.ts";

/** Where an object's values come from. */
export interface ValueOrigin {
  seq: number;
  tenantId: string;
  /** UTC hour, `2026-11-21T02`. */
  hour: string;
  key: string;
  values: ObjectValues;
}

/** Values that one hour brought to a meter that counts distinct ones; each digest once. */
export interface HourValues {
  tenantId: string;
  meterKey: string;
  cycle: Cycle;
  /** UTC hour, `2026-11-21T02`. */
  hour: string;
  /** Object that brought them; empty where several did. */
  key: string;
  digests: string[];
}

/** The values that one commit adds. */
export interface PlannedValues {
  /** In time, under the earliest hour in which the group has them. */
  inTime: HourValues[];
  /** Of late objects, each digest with the first object that has it. */
  late: HourValues[];
  /** Meters whose values nobody read: they must not count distinct values. */
  unread: string[];
}

/** Gathers the values of read objects, so that whatever several objects of a group say is said once. */
export function planValues(objects: readonly ValueOrigin[], late: ReadonlySet<number>): PlannedValues {
  const earliest = new Map<string, MeterValues>();
  const claimed = new Map<string, Set<string>>();
  const planned: PlannedValues = { inTime: [], late: [], unread: [] };
  for (const object of objects) {
    for (const [meterKey, digests] of object.values.byMeter) {
      const { tenantId, hour, key } = object;
      const meter = { tenantId, meterKey, cycle: cycleOfHour(hour) };
      const name = `${tenantId} ${meterKey} ${meter.cycle}`;
      if (late.has(object.seq)) {
        const known = claimed.get(name) ?? new Set();
        const fresh = [...digests].filter((digest) => !known.has(digest));
        for (const digest of fresh) known.add(digest);
        claimed.set(name, known);
        planned.late.push({ ...meter, hour, key, digests: fresh });
      } else {
        const known = earliest.get(name) ?? { ...meter, hours: new Map() };
        for (const digest of digests) {
          if (hour < (known.hours.get(digest) ?? "~")) known.hours.set(digest, hour);
        }
        earliest.set(name, known);
      }
    }
  }
  planned.inTime = [...earliest.values()].flatMap(listByHour);
  planned.unread = [...new Set(objects.flatMap(({ values }) => [...values.unread]))];
  return planned;
}

interface MeterValues extends Pick<HourValues, "tenantId" | "meterKey" | "cycle"> {
  /** Earliest hour of each digest. */
  hours: Map<string, string>;
}

function listByHour({ hours, ...meter }: MeterValues): HourValues[] {
  const byHour = new Map<string, string[]>();
  for (const [digest, hour] of hours) {
    const digests = byHour.get(hour);
    if (digests === undefined) byHour.set(hour, [digest]);
    else digests.push(digest);
  }
  return Array.from(byHour, ([hour, digests]) => ({ ...meter, hour, key: "", digests }));
}

/** Distinct values of an object, over all of its meters. */
export const countValues = ({ byMeter }: ObjectValues): number =>
  [...byMeter.values()].reduce((sum, digests) => sum + digests.size, 0);
