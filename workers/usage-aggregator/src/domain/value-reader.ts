import { createHash } from "node:crypto";
import { countedValue, type UsageLine } from "@prego/core/usage-event";
import { OBJECT_VALUES_MAX, RECENT_VALUES_MAX } from "../limits.ts";

/** Meters that count distinct values, and since when they do, epoch milliseconds. */
export type UniqueMeters = ReadonlyMap<string, number>;

/** What an object's lines brought to meters that count distinct values. */
export interface ObjectValues {
  /** Digests by meter, with an entry for every such meter that the object knows. */
  byMeter: Map<string, Set<string>>;
  /** Meters that had values and did not count distinct ones when the run began. */
  unread: Set<string>;
  /** Events of such meters of which no value counts. */
  eventsWithout: number;
}

/** Takes what a line says for meters that count distinct values; a returned text is the reason why the object is not usable. */
export interface ValueReader {
  take: (line: UsageLine) => string | undefined;
  readonly values: ObjectValues;
}

/** Gathers the digests of one tenant's object; values themselves are never kept. */
export function createValueReader(tenantId: string, uniqueMeters: UniqueMeters): ValueReader {
  const values: ObjectValues = { byMeter: new Map(), unread: new Set(), eventsWithout: 0 };
  let count = 0;

  // Most values come again soon, and a digest takes longer than reading the line.
  const recent = new Set<string>();
  const isRecent = (meterKey: string, value: string): boolean => {
    const name = `${meterKey}:${value}`;
    if (recent.has(name)) return true;
    if (recent.size >= RECENT_VALUES_MAX) recent.clear();
    recent.add(name);
    return false;
  };

  const take = (line: UsageLine): string | undefined => {
    const { meterKey } = line;
    const definedAtMs = uniqueMeters.get(meterKey);
    if (definedAtMs === undefined) {
      if (line.value !== undefined) values.unread.add(meterKey);
      return undefined;
    }
    let digests = values.byMeter.get(meterKey);
    if (digests === undefined) {
      digests = new Set();
      values.byMeter.set(meterKey, digests);
    }
    const value = countedValue(line, definedAtMs);
    if (value === undefined) {
      values.eventsWithout += 1;
      return undefined;
    }
    if (isRecent(meterKey, value)) return undefined;
    const digest = digestValue(tenantId, meterKey, value);
    if (digests.has(digest)) return undefined;
    count += 1;
    if (count > OBJECT_VALUES_MAX) return "too many distinct values";
    digests.add(digest);
    return undefined;
  };

  return { take, values };
}

/** 132 bits: who chooses values at will still finds no two that count as one. */
const DIGEST_CHARS = 22;

/** The digest of a value of a tenant's meter, over an injective text: neither id nor key can hold a colon. */
export const digestValue = (tenantId: string, meterKey: string, value: string): string =>
  createHash("sha256").update(`${tenantId}:${meterKey}:${value}`).digest("base64url").slice(0, DIGEST_CHARS);
