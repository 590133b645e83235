import type Stripe from "stripe";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { catchStripeError, createMeter, openGate, openTestAccount, startMs, type TestAccount } from "./test-account.ts";

let account: TestAccount;
let stripe: Stripe;
let customer: string;
let meter: Stripe.Billing.Meter;

beforeEach(async () => {
  account = await openTestAccount();
  stripe = account.stripe;
  customer = (await stripe.customers.create({})).id;
  meter = await createMeter(stripe);
});

afterEach(() => account.server.close());

const nowSeconds = startMs / 1_000;
const daySeconds = 24 * 60 * 60;

interface Report {
  readonly value?: string;
  readonly identifier?: string;
  readonly timestamp?: number;
  readonly customer?: string;
  readonly name?: string;
}

function report(given: Report = {}): Promise<Stripe.Billing.MeterEvent> {
  return stripe.billing.meterEvents.create({
    event_name: given.name ?? "api_calls",
    payload: { stripe_customer_id: given.customer ?? customer, value: given.value ?? "5" },
    ...(given.identifier === undefined ? {} : { identifier: given.identifier }),
    ...(given.timestamp === undefined ? {} : { timestamp: given.timestamp }),
  });
}

async function sumUsage(): Promise<number[]> {
  const range = { start_time: nowSeconds - 40 * daySeconds, end_time: nowSeconds + 40 * daySeconds };
  const page = await stripe.billing.meters.listEventSummaries(meter.id, { customer, ...range });
  return page.data.map((summary) => summary.aggregated_value);
}

async function fetchReports(): Promise<Stripe.V2.Core.Events.V1BillingMeterErrorReportTriggeredEvent[]> {
  await account.emulator.deliverPending();
  const thin = account.received.filter((webhook) => webhook.body.includes('"v2.core.event"'));
  const ids = thin.map((webhook) => (JSON.parse(webhook.body) as { id: string }).id);
  const events = await Promise.all(ids.map((id) => stripe.v2.core.events.retrieve(id)));
  return events as Stripe.V2.Core.Events.V1BillingMeterErrorReportTriggeredEvent[];
}

describe("meter events", () => {
  test("are summed per customer and range", async () => {
    await report({ value: "5", timestamp: nowSeconds - 3_600 });
    await report({ value: "900719925474099", timestamp: nowSeconds });
    expect(await sumUsage()).toEqual([900_719_925_474_104]);
    const other = await stripe.customers.create({});
    const page = await stripe.billing.meters.listEventSummaries(meter.id, {
      customer: other.id,
      start_time: nowSeconds - daySeconds,
      end_time: nowSeconds,
    });
    expect(page.data).toEqual([]);
  });

  test("are summed per hour when asked, with the end of the range left out", async () => {
    await report({ value: "1", timestamp: nowSeconds - 3_600 });
    await report({ value: "2", timestamp: nowSeconds - 1 });
    await report({ value: "4", timestamp: nowSeconds });
    const page = await stripe.billing.meters.listEventSummaries(meter.id, {
      customer,
      start_time: nowSeconds - 7_200,
      end_time: nowSeconds,
      value_grouping_window: "hour",
    });
    expect(page.data.map((summary) => summary.aggregated_value)).toEqual([3]);
    const misaligned = stripe.billing.meters.listEventSummaries(meter.id, { customer, start_time: 61, end_time: 120 });
    expect(await catchStripeError(misaligned)).toMatchObject({ statusCode: 400, param: "start_time" });
  });

  test("with a known identifier are refused for a day and counted again after it", async () => {
    await report({ identifier: "tn_1:api_calls:2026-10", value: "7" });
    account.clock.ms += daySeconds * 1_000 - 1;
    const error = await catchStripeError(
      report({ identifier: "tn_1:api_calls:2026-10", value: "7", timestamp: nowSeconds }),
    );
    expect(error).toMatchObject({ statusCode: 400, type: "StripeInvalidRequestError" });
    expect(error.message).toBe("An event already exists with identifier tn_1:api_calls:2026-10.");
    expect(error.headers?.["stripe-should-retry"]).toBe("false");
    expect(await sumUsage()).toEqual([7]);
    account.clock.ms += 1;
    await report({ identifier: "tn_1:api_calls:2026-10", value: "7", timestamp: nowSeconds });
    expect(await sumUsage()).toEqual([14]);
  });

  test.each([
    ["a fraction", { value: "1.5" }, "meter_event_invalid_value"],
    ["a word", { value: "many" }, "meter_event_invalid_value"],
    ["sixteen digits", { value: "1234567890123456" }, "meter_event_value_too_many_digits"],
    ["more than 35 days ago", { timestamp: nowSeconds - 35 * daySeconds - 1 }, "timestamp_too_far_in_past"],
    ["more than 5 minutes ahead", { timestamp: nowSeconds + 301 }, "timestamp_in_future"],
  ])("with %s are refused at once", async (_name, given, code) => {
    expect(await catchStripeError(report(given))).toMatchObject({ statusCode: 400, code });
    expect(account.emulator.state.meterEvents).toEqual([]);
  });

  test("are taken at both ends of the time window, and negative", async () => {
    await report({ timestamp: nowSeconds - 35 * daySeconds, value: "10" });
    await report({ timestamp: nowSeconds + 300, value: "-3" });
    expect(await sumUsage()).toEqual([7]);
  });

  test("need an event name and a payload", async () => {
    const params = { event_name: "api_calls" } as Stripe.Billing.MeterEventCreateParams;
    expect(await catchStripeError(stripe.billing.meterEvents.create(params))).toMatchObject({
      code: "parameter_missing",
      param: "payload",
    });
    expect(await catchStripeError(report({ identifier: "x".repeat(101) }))).toMatchObject({ param: "identifier" });
  });

  test("of one customer and meter are limited to one at a time", async () => {
    await account.server.close();
    const gate = openGate();
    account = await openTestAccount({ sleep: gate.wait });
    stripe = account.stripe;
    customer = (await stripe.customers.create({})).id;
    const other = (await stripe.customers.create({})).id;
    meter = await createMeter(stripe);
    account.emulator.setFaults({ fail: [{ method: "POST", status: "slow" }] });
    const first = report({ identifier: "id-1" });
    await gate.reached;
    expect(await catchStripeError(report({ identifier: "id-2" }))).toMatchObject({ statusCode: 429 });
    await report({ identifier: "id-3", customer: other });
    gate.open();
    await first;
    await report({ identifier: "id-2" });
    expect(await sumUsage()).toEqual([10]);
  });

  test("show in the summaries only after the configured delay", async () => {
    await account.server.close();
    account = await openTestAccount({ meters: { lag_ms: 60_000 } });
    stripe = account.stripe;
    customer = (await stripe.customers.create({})).id;
    meter = await createMeter(stripe);
    await report({ value: "3" });
    expect(await sumUsage()).toEqual([]);
    account.clock.ms += 60_000;
    expect(await sumUsage()).toEqual([3]);
  });
});

describe("late meter errors", () => {
  test("name the identifiers of an unknown customer in one report per meter", async () => {
    await report({ customer: "cus_gone", identifier: "id-1" });
    await report({ customer: "cus_gone", identifier: "id-2" });
    const [event, ...others] = await fetchReports();
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      object: "v2.core.event",
      type: "v1.billing.meter.error_report_triggered",
      related_object: { id: meter.id, type: "billing.meter", url: `/v1/billing/meters/${meter.id}` },
    });
    const types = event?.data.reason.error_types ?? [];
    expect(types).toMatchObject([{ code: "meter_event_customer_not_found", error_count: 2 }]);
    expect(types[0]?.sample_errors.map((sample) => sample.request.identifier)).toEqual(["id-1", "id-2"]);
    expect(await sumUsage()).toEqual([]);
  });

  test("give samples only, but count all", async () => {
    for (let index = 0; index < 8; index += 1) await report({ customer: "cus_gone", identifier: `id-${index}` });
    const [event] = await fetchReports();
    expect(event?.data.reason.error_count).toBe(8);
    expect(event?.data.reason.error_types[0]?.sample_errors).toHaveLength(5);
  });

  test("tell an event name without a meter", async () => {
    await report({ name: "unknown_meter", identifier: "id-n" });
    const [event] = await fetchReports();
    expect(event?.type).toBe("v1.billing.meter.no_meter_found");
    expect(event).not.toHaveProperty("related_object");
    expect(event?.data.reason.error_types[0]?.code).toBe("no_meter");
  });

  test("that do not exist answer 404", async () => {
    expect(await catchStripeError(stripe.v2.core.events.retrieve("evt_none"))).toMatchObject({
      statusCode: 404,
      code: "not_found",
    });
  });

  test("tell an archived meter", async () => {
    await stripe.billing.meters.deactivate(meter.id);
    await report({ identifier: "id-a" });
    const [event] = await fetchReports();
    expect(event?.data.reason.error_types[0]?.code).toBe("archived_meter");
    expect(await sumUsage()).toEqual([]);
  });

  test("replace the 400 when bad values are told late", async () => {
    await account.server.close();
    account = await openTestAccount({ meters: { late_errors: true } });
    stripe = account.stripe;
    customer = (await stripe.customers.create({})).id;
    meter = await createMeter(stripe);
    await report({ value: "1.5", identifier: "id-late" });
    const [event] = await fetchReports();
    expect(event?.data.reason.error_types[0]?.code).toBe("meter_event_invalid_value");
  });
});
