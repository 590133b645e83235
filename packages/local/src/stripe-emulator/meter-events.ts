import type Stripe from "stripe";
import type { StripeApi } from "./api.ts";
import type { EmulatorContext } from "./context.ts";
import type { MeterObject } from "./meters.ts";
import type { Params } from "./params.ts";
import { recordMeterEvent } from "./state.ts";
import { createInvalidRequest } from "./stripe-failure.ts";
import type { Wire } from "./wire.ts";

const daySeconds = 24 * 60 * 60;
const pastSeconds = 35 * daySeconds;
const futureSeconds = 5 * 60;
const maxNameLength = 100;
const maxDigits = 15;

/** An accepted event. Stripe has no list of these; the emulator shows them to tests. */
export interface ReceivedMeterEvent {
  readonly identifier: string;
  readonly event_name: string;
  readonly meter: string | null;
  readonly customer: string | null;
  readonly value: string;
  readonly timestamp: number;
  readonly received_at_ms: number;
  /** False when it was reported late as an error: it counts nowhere. */
  readonly is_counted: boolean;
}

export type MeterErrorCode =
  Stripe.V2.Core.Events.V1BillingMeterErrorReportTriggeredEvent["data"]["reason"]["error_types"][number]["code"];

/** A refusal that Stripe tells later, by thin event. */
export interface MeterFailure {
  readonly identifier: string;
  readonly meter: string | null;
  readonly code: MeterErrorCode;
  readonly message: string;
  readonly at_ms: number;
}

type Verdict = Pick<MeterFailure, "code" | "message"> & { readonly isLateOnly: boolean };

const writable = [
  "event_name",
  "expand",
  "identifier",
  "payload",
  "timestamp",
] as const satisfies readonly (keyof Stripe.Billing.MeterEventCreateParams)[];

export function registerMeterEvents(api: StripeApi, context: EmulatorContext): void {
  api.post("/v1/billing/meter_events", (call) => receiveMeterEvent(context, call.params.accept(writable)));
}

function receiveMeterEvent(context: EmulatorContext, params: Params): object {
  const eventName = readName(params, "event_name") ?? params.requireText("event_name");
  const payload = params.object("payload");
  if (payload === undefined) throw params.missing("payload");
  const identifier = readName(params, "identifier") ?? context.createId("mtre");
  refuseKnownIdentifier(context, identifier);
  const timestamp = params.integer("timestamp") ?? context.nowSeconds();
  const meter = findMeter(context, eventName);
  const customerKey = meter?.customer_mapping.event_payload_key ?? "stripe_customer_id";
  const customer = payload.text(customerKey) ?? null;
  const value = payload.text(meter?.value_settings.event_payload_key ?? "value") ?? "";
  const verdict = judge(context, { meter, customer, value, timestamp });
  if (verdict !== undefined && !verdict.isLateOnly && !context.meterHabits.late_errors) {
    throw createInvalidRequest({ code: verdict.code, message: verdict.message });
  }
  const atMs = context.nowMs();
  if (verdict !== undefined) {
    const { code, message } = verdict;
    context.state.meterFailures.push({ identifier, meter: meter?.id ?? null, code, message, at_ms: atMs });
  }
  recordMeterEvent(context.state, {
    identifier,
    event_name: eventName,
    meter: meter?.id ?? null,
    customer,
    value,
    timestamp,
    received_at_ms: atMs,
    is_counted: verdict === undefined,
  });
  context.state.meterIdentifiers.set(identifier, atMs);
  return {
    object: "billing.meter_event",
    created: context.nowSeconds(),
    event_name: eventName,
    identifier,
    livemode: false,
    payload: Object.fromEntries(payload.names.map((name) => [name, payload.text(name) ?? ""])),
    timestamp,
  } satisfies Wire<Stripe.Billing.MeterEvent>;
}

/** Unique for a rolling day only: an older identifier is taken, and counted, again. */
function refuseKnownIdentifier(context: EmulatorContext, identifier: string): void {
  const receivedAtMs = context.state.meterIdentifiers.get(identifier);
  if (receivedAtMs === undefined || context.nowMs() - receivedAtMs >= daySeconds * 1_000) return;
  throw createInvalidRequest({
    message: `An event already exists with identifier ${identifier}.`,
    headers: { "stripe-should-retry": "false" },
    isSaved: true,
  });
}

/** An archived meter keeps its name, so an active one of the same name comes first. */
function findMeter(context: EmulatorContext, eventName: string): MeterObject | undefined {
  const named = [...context.state.meters.values()].filter((meter) => meter.event_name === eventName);
  return named.find((meter) => meter.status === "active") ?? named.at(-1);
}

function judge(
  context: EmulatorContext,
  event: {
    readonly meter: MeterObject | undefined;
    readonly customer: string | null;
    readonly value: string;
    readonly timestamp: number;
  },
): Verdict | undefined {
  const now = context.nowSeconds();
  if (event.timestamp < now - pastSeconds) {
    return refuse("timestamp_too_far_in_past", "The timestamp must be within the past 35 calendar days.");
  }
  if (event.timestamp > now + futureSeconds) {
    return refuse("timestamp_in_future", "The timestamp must be no more than 5 minutes in the future.");
  }
  if (event.meter?.default_aggregation.formula !== "count") {
    if (!/^-?\d+$/.test(event.value)) {
      return refuse("meter_event_invalid_value", "The value of a meter event must be a whole number.");
    }
    if (event.value.replace(/^-?0*/, "").length > maxDigits) {
      return refuse("meter_event_value_too_many_digits", `The value can have up to ${maxDigits} digits.`);
    }
  }
  if (event.meter === undefined) return report("no_meter", "No meter found with this event_name.");
  if (event.meter.status !== "active") return report("archived_meter", "The meter is archived.");
  if (event.customer === null) return report("meter_event_no_customer_defined", "The payload names no customer.");
  if (!context.state.customers.has(event.customer)) {
    return report("meter_event_customer_not_found", `No customer found with id ${event.customer}.`);
  }
  return undefined;
}

function refuse(code: MeterErrorCode, message: string): Verdict {
  return { code, message, isLateOnly: false };
}

function report(code: MeterErrorCode, message: string): Verdict {
  return { code, message, isLateOnly: true };
}

function readName(params: Params, name: string): string | undefined {
  const value = params.text(name);
  if (value === undefined || value.length <= maxNameLength) return value;
  throw createInvalidRequest({
    param: params.name(name),
    message: `Invalid string: must be at most ${maxNameLength} characters`,
  });
}
