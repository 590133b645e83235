import { createRandom } from "./statistics.ts";

/** What every load of this bench is sent with. */
export const JSON_HEADERS = { "content-type": "application/json" };

/** Makes bodies of usage requests; no two events of one maker have the same id, and a seed repeats all of them. */
export interface EventMaker {
  /** Bodies of one event each, as an object. */
  single(tenantId: string, requests: number): string[];
  /** Bodies of `size` events each, as an array. */
  batches(tenantId: string, requests: number, size: number): string[];
}

const PATHS = ["/v1/things", "/v1/things/17", "/v1/search", "/v1/reports/daily"];
const STATUSES = [200, 201, 204, 404];

export function createEventMaker(seed: number): EventMaker {
  const random = createRandom(seed);
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)];
  const hex = (): string =>
    Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, "0");
  let made = 0;
  const makeEvent = (tenantId: string) => {
    made += 1;
    return {
      tenant_id: tenantId,
      id: `evt_${made.toString(16).padStart(8, "0")}-${hex()}${hex()}${hex()}`,
      qty: 1 + Math.floor(random() * 5),
      path: pick(PATHS),
      status: pick(STATUSES),
    };
  };
  return {
    single: (tenantId, requests) => Array.from({ length: requests }, () => JSON.stringify(makeEvent(tenantId))),
    batches: (tenantId, requests, size) =>
      Array.from({ length: requests }, () => JSON.stringify(Array.from({ length: size }, () => makeEvent(tenantId)))),
  };
}
