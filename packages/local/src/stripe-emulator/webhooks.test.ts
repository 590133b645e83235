import Stripe from "stripe";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createMeter, openTestAccount, readTypes, webhookSecret, type TestAccount } from "./test-account.ts";

let account: TestAccount;

beforeEach(async () => {
  account = await openTestAccount();
});

afterEach(() => account.server.close());

/** The SDK's own check, against the emulator's clock. */
async function openWebhook(index: number, secret = webhookSecret): Promise<Stripe.Event> {
  const webhook = account.received[index];
  if (webhook === undefined) throw new Error(`webhook ${index} did not come`);
  const receivedAt = account.clock.ms / 1_000;
  return await Stripe.webhooks.constructEventAsync(webhook.body, webhook.signature, secret, 300, undefined, receivedAt);
}

async function listEvents(params: Stripe.EventListParams): Promise<string[]> {
  return (await account.stripe.events.list(params)).data.map((event) => event.type);
}

const minuteMs = 60_000;

describe("webhooks", () => {
  test("carry a signature that the SDK accepts, and the event as the API shows it", async () => {
    const customer = await account.stripe.customers.create({ email: "w@example.com" }, { idempotencyKey: "key-w" });
    expect(await account.emulator.deliverPending()).toEqual({ sent: 1, delivered: 1, failed: 0, pending: 0 });
    const event = await openWebhook(0);
    expect(event).toMatchObject({
      object: "event",
      type: "customer.created",
      api_version: "2026-10-28.endive",
      livemode: false,
      created: account.clock.ms / 1_000,
      data: { object: { id: customer.id, email: "w@example.com" } },
      pending_webhooks: 1,
      request: { id: customer.lastResponse.requestId, idempotency_key: "key-w" },
    });
    expect(await account.stripe.events.retrieve(event.id)).toMatchObject({ id: event.id, pending_webhooks: 0 });
    await expect(openWebhook(0, "whsec_other")).rejects.toThrow("signature");
  });

  test("keep the object as it was when the event happened", async () => {
    const customer = await account.stripe.customers.create({ name: "before" });
    await account.stripe.customers.update(customer.id, { name: "after" });
    await account.emulator.deliverPending();
    expect((await openWebhook(0)).data.object).toMatchObject({ name: "before" });
    expect((await openWebhook(1)).data.object).toMatchObject({ name: "after" });
  });

  test("are sent again after a refusal, later each time, until they are taken", async () => {
    account.answers.push(500, 302);
    await account.stripe.customers.create({});
    await account.emulator.deliverPending();
    expect(await listEvents({ delivery_success: false })).toEqual(["customer.created"]);
    expect((await account.emulator.deliverPending()).sent).toBe(0);
    account.clock.ms += minuteMs;
    expect(await account.emulator.deliverPending()).toMatchObject({ sent: 1, pending: 1 });
    account.clock.ms += 5 * minuteMs;
    expect(await account.emulator.deliverPending()).toMatchObject({ sent: 1, delivered: 1 });
    const ids = await Promise.all([0, 1, 2].map(async (index) => (await openWebhookAnyTime(index)).id));
    expect(new Set(ids).size).toBe(1);
    expect(await listEvents({ delivery_success: false })).toEqual([]);
    expect(await listEvents({ delivery_success: true })).toEqual(["customer.created"]);
  });

  test("fail for good after the last retry and stay listed as not delivered", async () => {
    account.answers.push(...Array.from({ length: 10 }, () => 500));
    await account.stripe.customers.create({});
    for (let round = 0; round < 9; round += 1) await account.emulator.deliverPending({ all: true });
    expect(await account.emulator.deliverPending({ all: true })).toEqual({
      sent: 1,
      delivered: 0,
      failed: 1,
      pending: 0,
    });
    expect((await account.emulator.deliverPending({ all: true })).sent).toBe(0);
    expect(await listEvents({ delivery_success: false })).toEqual(["customer.created"]);
  });

  test("come in the order asked for, doubled when asked", async () => {
    const create = async () => {
      for (const name of ["a", "b", "c", "d"]) await account.stripe.products.create({ name });
    };
    const readNames = () =>
      account.received
        .splice(0)
        .map((webhook) => (JSON.parse(webhook.body) as { data: { object: { name: string } } }).data.object.name);
    account.emulator.setDelivery({ order: "reversed" });
    await create();
    await account.emulator.deliverPending();
    expect(readNames()).toEqual(["d", "c", "b", "a"]);
    account.emulator.setDelivery({ order: "created", duplicate_percent: 100 });
    await create();
    await account.emulator.deliverPending();
    expect(readNames()).toEqual(["a", "a", "b", "b", "c", "c", "d", "d"]);
    account.emulator.setDelivery({ order: "shuffled", duplicate_percent: 0 });
    await create();
    await account.emulator.deliverPending();
    const shuffled = readNames();
    expect(shuffled).not.toEqual(["a", "b", "c", "d"]);
    expect(shuffled.toSorted()).toEqual(["a", "b", "c", "d"]);
  });

  test("can be dropped, which the list tells, or never be generated, which nothing tells", async () => {
    account.emulator.setDelivery({ drop_types: ["customer.created"], lose_types: ["customer.updated"] });
    const customer = await account.stripe.customers.create({});
    await account.stripe.customers.update(customer.id, { name: "x" });
    await account.stripe.customers.del(customer.id);
    await account.emulator.deliverPending();
    expect(readTypes(account.received)).toEqual(["customer.deleted"]);
    expect(await listEvents({ delivery_success: false })).toEqual(["customer.created"]);
    expect(await listEvents({})).toEqual(["customer.deleted", "customer.created"]);
  });

  test("can be sent again by hand", async () => {
    await account.stripe.customers.create({});
    await account.emulator.deliverPending();
    const [event] = (await account.stripe.events.list()).data;
    const answer = await fetch(`${account.server.url}/_emulator/deliver`, {
      method: "POST",
      body: JSON.stringify({ event: event?.id }),
    });
    expect(await answer.json()).toMatchObject({ sent: 1, delivered: 1 });
    expect(readTypes(account.received)).toEqual(["customer.created", "customer.created"]);
  });

  test("bring thin events as notifications without their data", async () => {
    const customer = await account.stripe.customers.create({});
    const meter = await createMeter(account.stripe);
    await account.stripe.customers.del(customer.id);
    const payload = { stripe_customer_id: customer.id, value: "1" };
    await account.stripe.billing.meterEvents.create({ event_name: "api_calls", payload });
    account.emulator.setEndpoints([{ url: "http://app.test/thin", secret: webhookSecret, payload: "thin" }]);
    account.received.length = 0;
    await account.emulator.deliverPending();
    const [webhook] = account.received;
    const notification = await account.stripe.parseEventNotificationAsync(
      webhook?.body ?? "",
      webhook?.signature ?? "",
      webhookSecret,
      300,
      undefined,
      account.clock.ms / 1_000,
    );
    expect(notification).toMatchObject({
      type: "v1.billing.meter.error_report_triggered",
      related_object: { id: meter.id },
    });
    expect(notification).not.toHaveProperty("data");
    expect(readTypes(account.received)).toEqual(["v1.billing.meter.error_report_triggered"]);
  });
});

describe("the event list", () => {
  test("filters by type, group of types and time, and forgets after 30 days", async () => {
    const customer = await account.stripe.customers.create({});
    const firstAt = account.clock.ms / 1_000;
    account.clock.ms += minuteMs;
    await account.stripe.customers.update(customer.id, { name: "x" });
    await account.stripe.products.create({ name: "p" });
    expect(await listEvents({ type: "customer.created" })).toEqual(["customer.created"]);
    expect(await listEvents({ type: "customer.*" })).toEqual(["customer.updated", "customer.created"]);
    expect(await listEvents({ types: ["product.created", "customer.created"] })).toEqual([
      "product.created",
      "customer.created",
    ]);
    expect(await listEvents({ created: { gt: firstAt } })).toEqual(["product.created", "customer.updated"]);
    account.clock.ms += 30 * 24 * 60 * minuteMs - minuteMs;
    expect(await listEvents({})).toEqual(["product.created", "customer.updated"]);
  });

  test("can be replayed forward from a known event", async () => {
    const events: string[] = [];
    for (const name of ["a", "b", "c"]) await account.stripe.products.create({ name });
    const listed = (await account.stripe.events.list()).data.map((event) => event.id);
    for await (const event of account.stripe.events.list({ ending_before: listed.at(-1) as string, limit: 1 })) {
      events.push(event.id);
    }
    expect(events).toEqual(listed.slice(0, -1).toReversed());
  });
});

async function openWebhookAnyTime(index: number): Promise<Stripe.Event> {
  const webhook = account.received[index];
  const signedAt = Number(/t=(\d+)/.exec(webhook?.signature ?? "")?.[1]);
  return await Stripe.webhooks.constructEventAsync(
    webhook?.body ?? "",
    webhook?.signature ?? "",
    webhookSecret,
    300,
    undefined,
    signedAt,
  );
}
