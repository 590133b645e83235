/** A price as its page states it. */
export interface Price {
  item: string;
  /** Whole nano-dollars a unit: $1.00 a million is 1,000. */
  nanoUsd: number;
  /** Plural. */
  unit: string;
  /** Units a month that the paid plan's $5 include; left out of every marginal price. */
  included: number;
  /** What is billed is rounded up to whole multiples of this many units. */
  roundedTo: number;
  source: keyof typeof PRICE_PAGES;
}

/** Where the prices are published. */
export const PRICE_PAGES = {
  workers: "https://developers.cloudflare.com/workers/platform/pricing/",
  durableObjects: "https://developers.cloudflare.com/durable-objects/platform/pricing/",
  d1: "https://developers.cloudflare.com/d1/platform/pricing/",
  r2: "https://developers.cloudflare.com/r2/pricing/",
} as const;

/** The day to which these prices were taken from stored copies of those pages. Check them again before relying on them. */
export const PRICES_AS_OF = "2026-11-21";

/** The paid plan's price a month. */
export const PLAN_USD = 5;

const MILLION = 1_000_000;
const BILLION = 1_000 * MILLION;

/** Everything that metering is billed for, US dollars, paid plan, R2 standard storage. */
export const PRICES = {
  httpRequests: price("HTTP requests", "requests", 300, { included: 10 * MILLION, source: "workers" }),
  cpuMs: price("Worker CPU", "CPU-ms", 20, { included: 30 * MILLION, source: "workers" }),
  objectRequests: price("Durable Object requests (calls, alarms)", "requests", 150, {
    included: MILLION,
    roundedTo: MILLION,
    source: "durableObjects",
  }),
  objectGbSeconds: price("Durable Object duration", "GB-s", 12_500, {
    included: 400_000,
    roundedTo: MILLION,
    source: "durableObjects",
  }),
  objectRowsRead: price("Durable Object rows read", "rows", 1, { included: 25 * BILLION, source: "durableObjects" }),
  objectRowsWritten: price("Durable Object rows written (setAlarm, deletes)", "rows", 1_000, {
    included: 50 * MILLION,
    source: "durableObjects",
  }),
  objectGbMonths: price("Durable Object storage", "GB-months", 200_000_000, { included: 5, source: "durableObjects" }),
  d1RowsRead: price("D1 rows read", "rows", 1, { included: 25 * BILLION, source: "d1" }),
  d1RowsWritten: price("D1 rows written (indexes, deletes)", "rows", 1_000, { included: 50 * MILLION, source: "d1" }),
  d1GbMonths: price("D1 storage", "GB-months", 750_000_000, { included: 5, source: "d1" }),
  r2ClassA: price("R2 class A (put, list)", "calls", 4_500, { included: MILLION, roundedTo: MILLION, source: "r2" }),
  r2ClassB: price("R2 class B (get, head)", "calls", 360, { included: 10 * MILLION, roundedTo: MILLION, source: "r2" }),
  r2GbMonths: price("R2 storage", "GB-months", 15_000_000, { included: 10, roundedTo: 1, source: "r2" }),
} as const satisfies Record<string, Price>;

/** What is billed: a name of the price list. */
export type Item = keyof typeof PRICES;

/** How many units of each were used; what is absent was not used. */
export type Usage = Partial<Record<Item, number>>;

function price(
  item: string,
  unit: string,
  nanoUsd: number,
  { included, roundedTo = 0, source }: { included: number; roundedTo?: number; source: Price["source"] },
): Price {
  return { item, unit, nanoUsd, included, roundedTo, source };
}
