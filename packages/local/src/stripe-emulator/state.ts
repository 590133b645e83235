import type { CheckoutPlan } from "./checkout-completion.ts";
import type { CheckoutSessionObject, LineItemList } from "./checkout-session-object.ts";
import type { CustomerObject } from "./customers.ts";
import type { SavedAnswer } from "./idempotency.ts";
import type { InvoiceItemObject } from "./invoice-items.ts";
import type { InvoiceObject } from "./invoice-object.ts";
import type { MeterFailure, ReceivedMeterEvent } from "./meter-events.ts";
import type { MeterObject } from "./meters.ts";
import type { PaymentMethodObject } from "./payment-methods.ts";
import type { PriceObject } from "./prices.ts";
import type { ProductObject } from "./products.ts";
import type { StoredEvent } from "./events.ts";
import type { StoredThinEvent } from "./thin-events.ts";
import type { SubscriptionObject } from "./subscription-object.ts";
import type { Delivery } from "./delivery-queue.ts";

const mapNames = [
  "customers",
  "products",
  "prices",
  "meters",
  "invoiceItems",
  "invoices",
  "subscriptions",
  "checkoutSessions",
  "checkoutLineItems",
  "checkoutPlans",
  "paymentMethods",
  "events",
  "thinEvents",
  "deliveries",
  "savedAnswers",
  "deletedCustomers",
  "meterIdentifiers",
] as const;

export interface StripeState {
  readonly customers: Map<string, CustomerObject>;
  /** Deleted customers by id, with the time of deletion in Unix seconds. */
  readonly deletedCustomers: Map<string, number>;
  /** Last time each meter event identifier was taken, in epoch milliseconds. */
  readonly meterIdentifiers: Map<string, number>;
  readonly products: Map<string, ProductObject>;
  readonly prices: Map<string, PriceObject>;
  readonly meters: Map<string, MeterObject>;
  readonly invoiceItems: Map<string, InvoiceItemObject>;
  readonly invoices: Map<string, InvoiceObject>;
  readonly subscriptions: Map<string, SubscriptionObject>;
  readonly checkoutSessions: Map<string, CheckoutSessionObject>;
  /** By the id of their session. */
  readonly checkoutLineItems: Map<string, LineItemList>;
  readonly checkoutPlans: Map<string, CheckoutPlan>;
  readonly paymentMethods: Map<string, PaymentMethodObject>;
  readonly events: Map<string, StoredEvent>;
  readonly thinEvents: Map<string, StoredThinEvent>;
  /** By the id of their event. */
  readonly deliveries: Map<string, Delivery[]>;
  readonly savedAnswers: Map<string, SavedAnswer>;
  meterEvents: ReceivedMeterEvent[];
  /** The counted ones by customer, so that a summary need not read them all. */
  readonly countedUsage: Map<string, ReceivedMeterEvent[]>;
  meterFailures: MeterFailure[];
  objectCount: number;
  requestCount: number;
}

export function createState(): StripeState {
  const maps = Object.fromEntries(mapNames.map((name) => [name, new Map()]));
  return { ...(maps as Pick<StripeState, MapName>), ...createCounts() };
}

/** The whole state as JSON text, for a stack that keeps it over a restart. */
export function snapshotState(state: StripeState): string {
  const maps = Object.fromEntries(mapNames.map((name) => [name, [...state[name]]]));
  const { meterEvents, meterFailures, objectCount, requestCount } = state;
  return JSON.stringify({ version: 1, maps, meterEvents, meterFailures, objectCount, requestCount });
}

/** Replaces the state in place, so that every holder of it sees the restored one. */
export function restoreState(state: StripeState, text: string): void {
  const saved = JSON.parse(text) as SavedState;
  if (saved.version !== 1) throw new Error(`unknown snapshot version ${String(saved.version)}`);
  for (const name of mapNames) {
    const map: Map<string, unknown> = state[name];
    map.clear();
    for (const [id, value] of saved.maps[name] ?? []) map.set(id, value);
  }
  state.meterEvents = [];
  state.countedUsage.clear();
  for (const event of saved.meterEvents) recordMeterEvent(state, event);
  state.meterFailures = saved.meterFailures;
  state.objectCount = saved.objectCount;
  state.requestCount = saved.requestCount;
}

export function recordMeterEvent(state: StripeState, event: ReceivedMeterEvent): void {
  state.meterEvents.push(event);
  if (!event.is_counted || event.customer === null) return;
  const counted = state.countedUsage.get(event.customer);
  if (counted === undefined) state.countedUsage.set(event.customer, [event]);
  else counted.push(event);
}

type MapName = (typeof mapNames)[number];

interface SavedState extends Omit<StripeState, MapName> {
  readonly version: number;
  readonly maps: Partial<Record<MapName, [string, unknown][]>>;
}

function createCounts(): Omit<StripeState, MapName> {
  return { meterEvents: [], countedUsage: new Map(), meterFailures: [], objectCount: 0, requestCount: 0 };
}
