/**
 * Readers of Stripe's objects that accept the field shapes of API versions before and after 2025-03-31 and never throw:
 * a webhook endpoint is pinned to its own version, which need not be the SDK's.
 */

/** What every event says about itself. */
export interface StripeEnvelope {
  id: string;
  type: string;
  /** Epoch seconds; Stripe's clock has no finer resolution for snapshot events. */
  createdSeconds: number;
  livemode: boolean;
  /** True when a Connect account or an organisation's context is named. */
  isForeign: boolean;
  /** True for `v2.core.event`, which carries no object. */
  isThin: boolean;
  /** `data.object` of a snapshot event. */
  object: Record<string, unknown>;
  /** Id of `related_object` of a thin event. */
  relatedObjectId: string | undefined;
}

/** What a subscription says of itself. */
export interface SubscriptionFields {
  id: string;
  customerId: string;
  /** Stripe's word, such as `past_due`; Stripe may add new ones. */
  status: string;
  /** Epoch seconds; the latest of its items since API version 2025-03-31. */
  currentPeriodStartSeconds: number | undefined;
  /** Epoch seconds; the latest of its items, too. */
  currentPeriodEndSeconds: number | undefined;
  /** Price of the first item that is not metered, else of the first: it stands for the plan. */
  priceId: string | undefined;
  /** Prices of all items, sorted, each once; undefined when there are none. */
  priceIds: readonly string[] | undefined;
  metadata: Record<string, string>;
}

/** What a checkout session says of itself. */
export interface CheckoutSessionFields {
  id: string;
  mode: string | undefined;
  paymentStatus: string | undefined;
  customerId: string | undefined;
  subscriptionId: string | undefined;
  metadata: Record<string, string>;
}

const ID_PATTERN = /^[A-Za-z0-9_]{1,255}$/;
const WORD_PATTERN = /^[a-z0-9_.]{1,128}$/;

/** The value as a plain object; empty for anything else. */
const readRecord = (value: unknown): Record<string, unknown> =>
  value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

const readWord = (value: unknown): string | undefined =>
  typeof value === "string" && WORD_PATTERN.test(value) ? value : undefined;

/** End of the year 9999, the last that our timestamps can write. */
const SECONDS_MAX = 253_402_300_799;

const readSeconds = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= SECONDS_MAX ? value : undefined;

/** Id of a reference: given as a text, or as the expanded or deleted object that has it. */
export function readStripeId(value: unknown): string | undefined {
  const id = typeof value === "string" ? value : readRecord(value)["id"];
  return typeof id === "string" && ID_PATTERN.test(id) ? id : undefined;
}

/** Text entries of an object's `metadata`. */
export function readMetadata(object: unknown): Record<string, string> {
  const entries = Object.entries(readRecord(readRecord(object)["metadata"]));
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

/** The envelope of a snapshot or thin event; undefined for what is neither. */
export function readEnvelope(event: unknown): StripeEnvelope | undefined {
  const record = readRecord(event);
  const isThin = record["object"] === "v2.core.event";
  const id = readStripeId(record["id"]);
  const type = readWord(record["type"]);
  const createdSeconds = isThin ? readThinInstant(record["created"]) : readSeconds(record["created"]);
  if (!isThin && record["object"] !== "event") return undefined;
  if (id === undefined || type === undefined || createdSeconds === undefined) return undefined;
  if (typeof record["livemode"] !== "boolean") return undefined;
  return {
    id,
    type,
    createdSeconds,
    livemode: record["livemode"],
    isForeign: isPresent(record["account"]) || isPresent(record["context"]),
    isThin,
    object: readRecord(readRecord(record["data"])["object"]),
    relatedObjectId: readStripeId(record["related_object"]),
  };
}

const isPresent = (value: unknown): boolean => value !== undefined && value !== null && value !== "";

function readThinInstant(value: unknown): number | undefined {
  const epochMs = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(epochMs) ? undefined : Math.floor(epochMs / 1_000);
}

/** A subscription of either shape: its period in `items.data[]`, or at the top before 2025-03-31. */
export function readSubscription(object: unknown): SubscriptionFields | undefined {
  const record = readRecord(object);
  const id = readStripeId(record["id"]);
  const customerId = readStripeId(record["customer"]);
  const status = readWord(record["status"]);
  if (id === undefined || customerId === undefined || status === undefined) return undefined;
  const items = readItems(record);
  const latest = (name: string): number | undefined => {
    const ofItems = items.flatMap((item) => readSeconds(item[name]) ?? []);
    return ofItems.length > 0 ? Math.max(...ofItems) : readSeconds(record[name]);
  };
  const priceIds = [...new Set(items.flatMap((item) => readItemPrice(item) ?? []))].toSorted();
  return {
    id,
    customerId,
    status,
    currentPeriodStartSeconds: latest("current_period_start"),
    currentPeriodEndSeconds: latest("current_period_end"),
    priceId: readItemPrice(items.find((item) => !isMetered(item)) ?? items[0]),
    priceIds: priceIds.length > 0 ? priceIds : undefined,
    metadata: readMetadata(record),
  };
}

function readItems(subscription: Record<string, unknown>): Record<string, unknown>[] {
  const data = readRecord(subscription["items"])["data"];
  return Array.isArray(data) ? data.slice(0, ITEMS_MAX).map((item) => readRecord(item)) : [];
}

/** Stripe allows 20 items a subscription. */
const ITEMS_MAX = 20;

const readItemPrice = (item: Record<string, unknown> | undefined): string | undefined =>
  readStripeId(item?.["price"]) ?? readStripeId(item?.["plan"]);

const isMetered = (item: Record<string, unknown>): boolean =>
  readRecord(readRecord(item["price"])["recurring"])["usage_type"] === "metered" ||
  readRecord(item["plan"])["usage_type"] === "metered";

/** Subscription of an invoice: `parent.subscription_details.subscription`, or `subscription` before 2025-03-31. */
export function readInvoiceSubscriptionId(invoice: unknown): string | undefined {
  const record = readRecord(invoice);
  const details = readRecord(readRecord(record["parent"])["subscription_details"]);
  return readStripeId(details["subscription"]) ?? readStripeId(record["subscription"]);
}

/** Customer of any object that has one, expanded or not. */
export const readCustomerId = (object: unknown): string | undefined => readStripeId(readRecord(object)["customer"]);

/** A checkout session; undefined without an id. */
export function readCheckoutSession(object: unknown): CheckoutSessionFields | undefined {
  const record = readRecord(object);
  const id = readStripeId(record["id"]);
  if (id === undefined) return undefined;
  return {
    id,
    mode: readWord(record["mode"]),
    paymentStatus: readWord(record["payment_status"]),
    customerId: readStripeId(record["customer"]),
    subscriptionId: readStripeId(record["subscription"]),
    metadata: readMetadata(record),
  };
}
