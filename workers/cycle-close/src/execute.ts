import type { PeriodBounds } from "@prego/core/period";
import type { StripeClient } from "./deps.ts";
import { LOOK_UP_PAGES_MAX } from "./limits.ts";
import type { InvoiceItemPayload, MeterEventPayload } from "./plan/outbox-payload.ts";
import { eventIdentifier, type Finding, idempotencyKey } from "./plan/send-decision.ts";
import type { StripeSum } from "./plan/sum-check.ts";
import { classifyStripeError, type StripeFailure } from "./plan/stripe-failure.ts";
import type { OutboxRow } from "./store/outbox.ts";

/** Metadata under which an invoice item is found again. */
export const IDENTIFIER_KEY = "prego_identifier";

const HOUR_SECONDS = 60 * 60;
const MINUTE_SECONDS = 60;
const STRIPE_PAGE = 100;

/** The calls to Stripe that sending makes; every one may throw. */
export interface UsageSink {
  /** Returns Stripe's id of what was made. */
  send: (row: OutboxRow) => Promise<string>;
  lookUp: (row: OutboxRow) => Promise<Finding>;
  /** What Stripe holds for a customer in a stretch of whole minutes. */
  sumUp: (of: { eventName: string; customer: string } & PeriodBounds) => Promise<StripeSum>;
}

/** Makes the sink of one run; ids of billing meters are looked up once. */
export function createUsageSink(stripe: StripeClient): UsageSink {
  const meterIds = new Map<string, Promise<StripeMeter | undefined>>();
  const findMeter = (eventName: string): Promise<StripeMeter | undefined> => {
    const known = meterIds.get(eventName) ?? findActiveMeter(stripe, eventName);
    meterIds.set(eventName, known);
    return known;
  };
  return {
    send: (row) =>
      row.mode === "meter_event"
        ? sendMeterEvent(stripe, eventIdentifier(row.identifier, row.payload.resends), row.payload)
        : sendInvoiceItem(stripe, row, row.payload),
    lookUp: async (row) =>
      row.mode === "meter_event"
        ? lookUpMeterEvent(stripe, row, { payload: row.payload, meter: await findMeter(row.payload.event_name) })
        : lookUpInvoiceItem(stripe, row, row.payload.customer),
    sumUp: async ({ eventName, customer, startMs, endMs }) => {
      const meter = await findMeter(eventName);
      if (meter === undefined) return { kind: "unknown", reason: "no_active_meter" };
      if (!meter.sums) return { kind: "unknown", reason: "meter_not_summing" };
      const range = { customer, start_time: startMs / 1_000, end_time: endMs / 1_000 };
      const { data } = await stripe.billing.meters.listEventSummaries(meter.id, range);
      return { kind: "sum", value: String(data[0]?.aggregated_value ?? 0) };
    },
  };
}

/** What a thrown error of a call means. */
export function readFailure(error: unknown, mode: OutboxRow["mode"]): StripeFailure {
  if (error instanceof AmountNotExactError) return { kind: "refused", reason: error.reason };
  const fields = (typeof error === "object" && error !== null ? error : {}) as Partial<Record<string, unknown>>;
  const headers = (fields["headers"] ?? {}) as Partial<Record<string, unknown>>;
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  return classifyStripeError(
    {
      statusCode: typeof fields["statusCode"] === "number" ? fields["statusCode"] : undefined,
      code: text(fields["code"]),
      type: text(fields["rawType"]) ?? text(fields["type"]),
      message: text(fields["message"]) ?? "",
      retryAfter: text(headers["retry-after"]),
    },
    mode,
  );
}

/** An amount that no call can carry exactly; nothing was sent. */
class AmountNotExactError extends RangeError {
  readonly reason = "amount_not_exact: beyond 2^53 - 1 minor units";
}

/** The number of minor units that the Stripe client takes. */
function readExactAmount(amount: InvoiceItemPayload["amount"]): number {
  // oxlint-disable-next-line house/no-float -- the client takes a number; an inexact one is refused
  const minor = Number(amount);
  if (!Number.isSafeInteger(minor)) throw new AmountNotExactError("an amount is beyond 2^53 - 1 minor units");
  return minor;
}

async function sendMeterEvent(stripe: StripeClient, identifier: string, payload: MeterEventPayload): Promise<string> {
  const event = await stripe.billing.meterEvents.create({
    event_name: payload.event_name,
    identifier,
    timestamp: payload.timestamp,
    payload: { stripe_customer_id: payload.customer, value: payload.value },
  });
  return event.identifier;
}

async function sendInvoiceItem(stripe: StripeClient, row: OutboxRow, payload: InvoiceItemPayload): Promise<string> {
  const item = await stripe.invoiceItems.create(
    {
      customer: payload.customer,
      amount: readExactAmount(payload.amount),
      currency: payload.currency,
      description: payload.description,
      period: { start: payload.period_start, end: payload.period_end },
      metadata: {
        [IDENTIFIER_KEY]: row.identifier,
        tenant_id: row.tenantId,
        meter_key: row.meterKey,
        cycle: row.cycle,
        corrected_cycle: row.correctedCycle,
        ...(row.part === "" ? {} : { part: row.part }),
        ...(payload.amount_reason === undefined ? {} : { amount_reason: payload.amount_reason }),
      },
    },
    { idempotencyKey: idempotencyKey({ identifier: row.identifier, keyEpoch: payload.key_epoch }) },
  );
  return item.id;
}

async function lookUpInvoiceItem(stripe: StripeClient, row: OutboxRow, customer: string): Promise<Finding> {
  const since = Math.floor(row.createdAtMs / 1_000) - HOUR_SECONDS;
  let after: string | undefined;
  for (let page = 0; page < LOOK_UP_PAGES_MAX; page += 1) {
    const { data, has_more: hasMore } = await stripe.invoiceItems.list({
      customer,
      created: { gte: since },
      limit: STRIPE_PAGE,
      ...(after === undefined ? {} : { starting_after: after }),
    });
    const found = data.find((item) => item.metadata?.[IDENTIFIER_KEY] === row.identifier);
    if (found !== undefined) return { kind: "found", stripeId: found.id };
    after = data.at(-1)?.id;
    if (!hasMore || after === undefined) return { kind: "absent" };
  }
  return { kind: "unknown", reason: "look_up_too_long: the customer has more invoice items than are read" };
}

interface StripeMeter {
  id: string;
  sums: boolean;
}

async function findActiveMeter(stripe: StripeClient, eventName: string): Promise<StripeMeter | undefined> {
  let after: string | undefined;
  for (let page = 0; page < LOOK_UP_PAGES_MAX; page += 1) {
    const { data, has_more: hasMore } = await stripe.billing.meters.list({
      status: "active",
      limit: STRIPE_PAGE,
      ...(after === undefined ? {} : { starting_after: after }),
    });
    const found = data.find((meter) => meter.event_name === eventName);
    if (found !== undefined) return { id: found.id, sums: found.default_aggregation.formula === "sum" };
    after = data.at(-1)?.id;
    if (!hasMore || after === undefined) return undefined;
  }
  return undefined;
}

/** Every event has a minute of its own, so the summary of that minute is this event or nothing. */
async function lookUpMeterEvent(
  stripe: StripeClient,
  row: OutboxRow,
  { payload, meter }: { payload: MeterEventPayload; meter: StripeMeter | undefined },
): Promise<Finding> {
  if (meter === undefined) return { kind: "unknown", reason: "no_active_meter: no Stripe meter has this event_name" };
  const start = payload.timestamp - (payload.timestamp % MINUTE_SECONDS);
  const { data } = await stripe.billing.meters.listEventSummaries(meter.id, {
    customer: payload.customer,
    start_time: start,
    end_time: start + MINUTE_SECONDS,
  });
  const [summary] = data;
  if (summary === undefined || summary.aggregated_value === 0) return { kind: "absent" };
  if (!meter.sums || String(summary.aggregated_value) === payload.value) {
    return { kind: "found", stripeId: row.identifier };
  }
  return {
    kind: "different",
    reason: `summary_differs: Stripe holds ${summary.aggregated_value} where ${payload.value} was to be sent`,
  };
}
