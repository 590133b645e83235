import type Stripe from "stripe";
import type { StripeCall } from "./api.ts";
import type { EmulatorContext } from "./context.ts";
import { listPage, pageParams } from "./list-page.ts";
import type { ReceivedMeterEvent } from "./meter-events.ts";
import type { MeterObject } from "./meters.ts";
import type { Params } from "./params.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";
import type { Wire } from "./wire.ts";

const minuteSeconds = 60;
const windowSeconds = { hour: 60 * minuteSeconds, day: 24 * 60 * minuteSeconds } as const;

interface Window {
  readonly start: number;
  readonly end: number;
}

/** Sums of a customer's counted events, one for the range or one for each hour or day with usage. */
export function summarizeMeterEvents(context: EmulatorContext, meter: MeterObject, call: StripeCall): object {
  const params = call.params.accept([...pageParams, "customer", "end_time", "start_time", "value_grouping_window"]);
  const customer = params.requireText("customer");
  if (!context.state.customers.has(customer) && !context.state.deletedCustomers.has(customer)) {
    throw createMissingResource("customer", customer, "customer");
  }
  const grouping = params.choice("value_grouping_window", ["hour", "day"]);
  const stepSeconds = grouping === undefined ? minuteSeconds : windowSeconds[grouping];
  const range = {
    start: readAligned(params, "start_time", stepSeconds),
    end: readAligned(params, "end_time", stepSeconds),
  };
  const visible = findVisibleEvents(context, meter, customer).filter((event) => isWithin(event, range));
  const windows = grouping === undefined ? [range] : splitByWindow(visible, windowSeconds[grouping]);
  const items = windows
    .map((window) => summarizeWindow(meter, visible, window))
    .filter((summary) => summary !== undefined);
  return listPage({ url: call.path, kind: "meter event summary", items }, params);
}

function findVisibleEvents(context: EmulatorContext, meter: MeterObject, customer: string): ReceivedMeterEvent[] {
  const countedUntilMs = context.nowMs() - context.meterHabits.lag_ms;
  return (context.state.countedUsage.get(customer) ?? []).filter(
    (event) => event.meter === meter.id && event.received_at_ms <= countedUntilMs,
  );
}

function summarizeWindow(meter: MeterObject, events: readonly ReceivedMeterEvent[], window: Window) {
  const inside = events.filter((event) => isWithin(event, window));
  if (inside.length === 0) return undefined;
  return {
    id: `mtrusg_test_${meter.id.slice(-16)}${window.start}`,
    object: "billing.meter_event_summary",
    aggregated_value: aggregate(meter, inside),
    end_time: window.end,
    livemode: false,
    meter: meter.id,
    start_time: window.start,
  } satisfies Wire<Stripe.Billing.MeterEventSummary>;
}

function aggregate(meter: MeterObject, events: readonly ReceivedMeterEvent[]): number {
  const formula = meter.default_aggregation.formula;
  if (formula === "count") return events.length;
  if (formula === "last") return Number(events.toSorted((a, b) => a.timestamp - b.timestamp).at(-1)?.value ?? 0);
  return Number(events.reduce((sum, event) => sum + BigInt(event.value), 0n));
}

function splitByWindow(events: readonly ReceivedMeterEvent[], seconds: number): Window[] {
  const starts = new Set(events.map((event) => event.timestamp - (event.timestamp % seconds)));
  return [...starts].toSorted((a, b) => a - b).map((start) => ({ start, end: start + seconds }));
}

function isWithin(event: ReceivedMeterEvent, window: Window): boolean {
  return event.timestamp >= window.start && event.timestamp < window.end;
}

function readAligned(params: Params, name: string, stepSeconds: number): number {
  const value = params.integer(name);
  if (value === undefined) throw params.missing(name);
  if (value % stepSeconds === 0) return value;
  throw createInvalidRequest({
    param: name,
    message: `${name} must align with ${stepSeconds === minuteSeconds ? "minute" : "window"} boundaries.`,
  });
}
