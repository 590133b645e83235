import { createHash } from "node:crypto";
import { OBJECT_VALUES_MAX } from "../limits.ts";

/** What an object's lines brought to meters that count distinct values. */
export interface ObjectValues {
  /** Digests by meter, with an entry for every such meter that the object knows. */
  byMeter: Map<string, Set<string>>;
  /** Meters that had values and did not count distinct ones when the run began. */
  unread: Set<string>;
  /** Events of such meters that name no value. */
  eventsWithout: number;
}

/** Takes what a line says for meters that count distinct values; a returned text is the reason why the object is not usable. */
export interface ValueReader {
  take: (meterKey: string, value: string | undefined) => string | undefined;
  readonly values: ObjectValues;
}

/** Gathers the digests of one tenant's object; values themselves are never kept. */
export function createValueReader(tenantId: string, uniqueMeters: ReadonlySet<string>): ValueReader {
  const values: ObjectValues = { byMeter: new Map(), unread: new Set(), eventsWithout: 0 };
  let count = 0;

  const take = (meterKey: string, value: string | undefined): string | undefined => {
    if (!uniqueMeters.has(meterKey)) {
      if (value !== undefined) values.unread.add(meterKey);
      return undefined;
    }
    let digests = values.byMeter.get(meterKey);
    if (digests === undefined) {
      digests = new Set();
      values.byMeter.set(meterKey, digests);
    }
    if (value === undefined) {
      values.eventsWithout += 1;
      return undefined;
    }
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
