import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFaultBook } from "./faults.ts";
import {
  catchStripeError,
  createMeter,
  openGate,
  openTestAccount,
  readTypes,
  type TestAccount,
} from "./test-account.ts";

let account: TestAccount;

beforeEach(async () => {
  account = await openTestAccount();
});

afterEach(() => account.server.close());

const create = (key: string) => account.stripe.customers.create({}, { idempotencyKey: key });
const postControl = (path: string, body: object) =>
  fetch(`${account.server.url}/_emulator/${path}`, { method: "POST", body: JSON.stringify(body) });
const countCustomers = () => account.emulator.state.customers.size;

describe("a saved 500", () => {
  test("is replayed for its key until the key is forgotten", async () => {
    account.emulator.setFaults({ fail: [{ method: "POST", path: "/v1/customers", status: 500 }] });
    expect(await catchStripeError(create("key-500"))).toMatchObject({ statusCode: 500, type: "StripeAPIError" });
    const replayed = await catchStripeError(create("key-500"));
    expect(replayed).toMatchObject({ statusCode: 500 });
    expect(replayed.headers?.["idempotent-replayed"]).toBe("true");
    expect(countCustomers()).toBe(0);
    account.clock.ms += 25 * 60 * 60 * 1_000;
    await create("key-500");
    expect(countCustomers()).toBe(1);
  });

  test("can hide work that was done", async () => {
    account.emulator.setFaults({ fail: [{ status: 500, effect: true }] });
    await catchStripeError(create("key-done"));
    expect(await catchStripeError(create("key-done"))).toMatchObject({ statusCode: 500 });
    expect(countCustomers()).toBe(1);
  });
});

describe("a broken connection", () => {
  test("after the effect leaves it done, and the same key finds it", async () => {
    account.emulator.setFaults({ fail: [{ status: "lost_answer" }] });
    expect(await catchStripeError(create("key-lost"))).toMatchObject({ type: "StripeConnectionError" });
    expect(countCustomers()).toBe(1);
    const found = await create("key-lost");
    expect(account.emulator.state.customers.has(found.id)).toBe(true);
    expect(countCustomers()).toBe(1);
  });

  test("after the effect doubles it for a new key", async () => {
    account.emulator.setFaults({ fail: [{ status: "lost_answer" }] });
    await catchStripeError(create("key-a"));
    await create("key-b");
    expect(countCustomers()).toBe(2);
  });

  test("before the effect leaves nothing behind", async () => {
    account.emulator.setFaults({ fail: [{ status: "dropped" }] });
    expect(await catchStripeError(create("key-drop"))).toMatchObject({ type: "StripeConnectionError" });
    expect(countCustomers()).toBe(0);
    await create("key-drop");
    expect(countCustomers()).toBe(1);
  });

  test("can lose a replay on its way, too", async () => {
    const first = await create("key-replay");
    account.emulator.setFaults({ fail: [{ status: "lost_answer" }] });
    expect(await catchStripeError(create("key-replay"))).toMatchObject({ type: "StripeConnectionError" });
    expect((await create("key-replay")).id).toBe(first.id);
  });

  test("is healed by the client's own retry with its key", async () => {
    account.emulator.setFaults({ fail: [{ status: "lost_answer" }] });
    const patient = account.connect({ maxNetworkRetries: 1 });
    await patient.customers.create({ email: "retry@example.com" });
    expect(countCustomers()).toBe(1);
  });
});

describe("other faults", () => {
  test("hang until the client gives up, with no effect", async () => {
    account.emulator.setFaults({ fail: [{ status: "hang" }] });
    const impatient = account.connect({ timeout: 50 });
    const error = await catchStripeError(impatient.customers.create({}));
    expect(error.message).toContain("timeout");
    expect(countCustomers()).toBe(0);
  });

  test("that hang leave the key free, and the effect found by it when there was one", async () => {
    account.emulator.setFaults({ fail: [{ status: "hang", effect: true }] });
    const impatient = account.connect({ timeout: 50 });
    await catchStripeError(impatient.customers.create({}, { idempotencyKey: "key-hang" }));
    await create("key-hang");
    expect(countCustomers()).toBe(1);
  });

  test("answer 503 once without keeping it", async () => {
    account.emulator.setFaults({ fail: [{ status: 503 }] });
    expect(await catchStripeError(create("key-503"))).toMatchObject({ statusCode: 503 });
    await create("key-503");
    expect(countCustomers()).toBe(1);
  });

  test("do not repeat an effect that a 503 hid", async () => {
    account.emulator.setFaults({ fail: [{ status: 503, effect: true }] });
    await catchStripeError(create("key-hidden"));
    await create("key-hidden");
    expect(countCustomers()).toBe(1);
  });

  test("answer 429 with Stripe's reason, and with Retry-After only when asked", async () => {
    const waiting = { status: 429, reason: "endpoint-rate", retry_after_seconds: 3 } as const;
    account.emulator.setFaults({ fail: [waiting, { status: 429 }, { status: 429, reason: "lock_timeout" }] });
    const [waited, bare, locked] = [
      await catchStripeError(create("key-429")),
      await catchStripeError(create("key-429")),
      await catchStripeError(create("key-429")),
    ];
    expect(waited).toMatchObject({ statusCode: 429, type: "StripeRateLimitError", code: "rate_limit" });
    expect(waited.headers).toMatchObject({ "retry-after": "3", "stripe-rate-limited-reason": "endpoint-rate" });
    expect(bare.headers).toMatchObject({ "stripe-rate-limited-reason": "global-rate" });
    expect(bare.headers).not.toHaveProperty("retry-after");
    expect(locked).toMatchObject({ statusCode: 429, code: "lock_timeout" });
    expect(locked.headers).not.toHaveProperty("stripe-rate-limited-reason");
    await create("key-429");
    expect(countCustomers()).toBe(1);
  });

  test("answer late, after the effect that the wait held back", async () => {
    await account.server.close();
    const gate = openGate();
    account = await openTestAccount({ sleep: gate.wait });
    account.emulator.setFaults({ fail: [{ status: "slow", delay_ms: 60_000 }] });
    const waiting = create("key-slow");
    await gate.reached;
    expect(countCustomers()).toBe(0);
    gate.open();
    await waiting;
    expect(countCustomers()).toBe(1);
  });

  test("of memory are made over HTTP: keys and meter identifiers are forgotten as after a day", async () => {
    await createMeter(account.stripe);
    const send = async () =>
      await account.stripe.billing.meterEvents.create({
        event_name: "api_calls",
        identifier: "id-1",
        payload: { stripe_customer_id: "cus_1", value: "1" },
      });
    await create("key-day");
    await send();
    expect(await catchStripeError(send())).toMatchObject({ statusCode: 400 });
    await postControl("forget", {});
    await create("key-day");
    await send();
    expect(countCustomers()).toBe(2);
  });

  test("of meters are made over HTTP: bad values are told late, sums show late", async () => {
    const meter = await createMeter(account.stripe);
    await postControl("meters", { late_errors: true, lag_ms: 1_000 });
    const customer = (await create("key-meter")).id;
    const timestamp = account.clock.ms / 1_000;
    const send = async (value: string) =>
      await account.stripe.billing.meterEvents.create({
        event_name: "api_calls",
        timestamp,
        payload: { stripe_customer_id: customer, value },
      });
    await send("1.5");
    await send("2");
    const range = { customer, start_time: timestamp, end_time: timestamp + 60 };
    const sumUp = async () => (await account.stripe.billing.meters.listEventSummaries(meter.id, range)).data;
    expect(await sumUp()).toEqual([]);
    account.clock.ms += 1_000;
    expect(await sumUp()).toMatchObject([{ aggregated_value: 2 }]);
    await account.emulator.deliverPending();
    expect(readTypes(account.received)).toContain("v1.billing.meter.error_report_triggered");
  });

  test("limit the rate by the emulator's clock", async () => {
    account.emulator.setFaults({ rate_limit: { calls: 2, window_ms: 1_000 } });
    await create("key-r1");
    await create("key-r2");
    expect(await catchStripeError(create("key-r3"))).toMatchObject({ statusCode: 429, code: "rate_limit" });
    account.clock.ms += 1_000;
    await create("key-r3");
    expect(countCustomers()).toBe(3);
  });

  test("are planned over HTTP, for a path prefix, after some calls", async () => {
    await postControl("faults", { fail: [{ method: "POST", path: "/v1/cust*", status: 503, skip: 1, times: 2 }] });
    await create("key-1");
    await account.stripe.customers.list();
    expect(await catchStripeError(create("key-2"))).toMatchObject({ statusCode: 503 });
    expect(await catchStripeError(create("key-2"))).toMatchObject({ statusCode: 503 });
    await create("key-2");
    expect(countCustomers()).toBe(2);
    expect(account.emulator.countFaults()).toBe(2);
  });

  test.each([
    ["null in place of a limit", { rate_limit: null }],
    ["null in place of faults", { fail: null }],
    ["null in a fault", { fail: [{ status: 503, times: null }] }],
    ["an unknown member", { rate_limits: { calls: 1, window_ms: 1 } }],
    ["an unknown member of a fault", { fail: [{ status: 503, count: 2 }] }],
    ["an unknown member of a limit", { rate_limit: { calls: 1, window_ms: 1, seconds: 1 } }],
    ["half a limit", { rate_limit: { calls: 1 } }],
    ["a status that is no failure", { fail: [{ status: 200 }] }],
    ["no object", [1]],
  ])("are refused over HTTP with %s, and the plan before stays", async (_, body) => {
    account.emulator.setFaults({ fail: [{ status: 503 }] });
    const answer = await postControl("faults", body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { type: "invalid_request_error" } });
    expect(await catchStripeError(create("key-refused"))).toMatchObject({ statusCode: 503 });
    await create("key-refused");
    expect(countCustomers()).toBe(1);
  });

  test("are refused over HTTP where the body is no JSON", async () => {
    const url = `${account.server.url}/_emulator/faults`;
    expect((await fetch(url, { method: "POST", body: "{" })).status).toBe(400);
  });

  test("drawn by chance are the same for the same seed", () => {
    const drawAll = (seed: number) => {
      const book = createFaultBook(seed, { fail: [{ status: 500, percent: 40, times: 1_000 }] });
      return Array.from({ length: 200 }, () => book.take({ method: "GET", path: "/", isReplay: false }) !== undefined);
    };
    expect(drawAll(3)).toEqual(drawAll(3));
    expect(drawAll(3)).not.toEqual(drawAll(4));
    const struck = drawAll(3).filter(Boolean).length;
    expect(struck).toBeGreaterThan(50);
    expect(struck).toBeLessThan(110);
  });
});
