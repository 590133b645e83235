import { describe, expect, it } from "vitest";
import {
  readCheckoutSession,
  readCustomerId,
  readEnvelope,
  readInvoiceSubscriptionId,
  readMetadata,
  readStripeId,
  readSubscription,
} from "./event-fields.ts";

const EVENT = {
  id: "evt_1",
  object: "event",
  type: "customer.subscription.updated",
  created: 1_795_000_000,
  livemode: false,
  data: { object: { id: "sub_1" } },
};

describe("readEnvelope", () => {
  it("reads a snapshot event", () => {
    expect(readEnvelope(EVENT)).toEqual({
      id: "evt_1",
      type: "customer.subscription.updated",
      createdSeconds: 1_795_000_000,
      livemode: false,
      isForeign: false,
      isThin: false,
      object: { id: "sub_1" },
      relatedObjectId: undefined,
    });
  });

  it("reads a thin event, whose instant is a text", () => {
    const thin = {
      id: "evt_test_2",
      object: "v2.core.event",
      type: "v1.billing.meter.no_meter_found",
      created: "2026-11-18T10:26:40.123Z",
      livemode: true,
      related_object: { id: "mtr_1", type: "billing.meter", url: "/v1/billing/meters/mtr_1" },
    };
    expect(readEnvelope(thin)).toMatchObject({
      isThin: true,
      livemode: true,
      createdSeconds: Date.UTC(2026, 10, 18, 10, 26, 40) / 1_000,
      relatedObjectId: "mtr_1",
      object: {},
    });
  });

  it.each([
    ["an account", { account: "acct_1" }, true],
    ["a context", { context: "ctx_1" }, true],
    ["a null account and context", { account: null, context: null }, false],
  ])("tells %s of another party", (_, members, isForeign) => {
    expect(readEnvelope({ ...EVENT, ...members })?.isForeign).toBe(isForeign);
  });

  it.each([
    null,
    [],
    "evt_1",
    {},
    { ...EVENT, id: undefined },
    { ...EVENT, id: "evt 1" },
    { ...EVENT, id: "x".repeat(256) },
    { ...EVENT, object: "charge" },
    { ...EVENT, type: "a b" },
    { ...EVENT, created: "soon" },
    { ...EVENT, created: -1 },
    { ...EVENT, created: 1.5 },
    { ...EVENT, livemode: "false" },
    { ...EVENT, object: "v2.core.event" },
  ])("is undefined for what is no event: %j", (value) => {
    expect(readEnvelope(value)).toBeUndefined();
  });
});

describe("readSubscription", () => {
  const older = {
    id: "sub_1",
    customer: "cus_1",
    status: "active",
    current_period_start: 1_794_000_000,
    current_period_end: 1_797_000_000,
    items: { data: [{ price: { id: "price_1" } }] },
    metadata: { tenant_id: "ten_1" },
  };

  it("reads the shape before 2025-03-31", () => {
    expect(readSubscription(older)).toEqual({
      id: "sub_1",
      customerId: "cus_1",
      status: "active",
      currentPeriodStartSeconds: 1_794_000_000,
      currentPeriodEndSeconds: 1_797_000_000,
      priceId: "price_1",
      priceIds: ["price_1"],
      metadata: { tenant_id: "ten_1" },
    });
  });

  it("reads the shape after it, with the latest start and end of its items", () => {
    const { current_period_start: _start, current_period_end: _end, ...rest } = older;
    const items = [
      { price: { id: "price_1" }, current_period_start: 1_795_000_000, current_period_end: 1_797_000_000 },
      { price: { id: "price_2" }, current_period_start: 1_794_000_000, current_period_end: 1_798_000_000 },
    ];
    expect(readSubscription({ ...rest, items: { data: items } })).toMatchObject({
      currentPeriodStartSeconds: 1_795_000_000,
      currentPeriodEndSeconds: 1_798_000_000,
      priceId: "price_1",
    });
  });

  it("reads an expanded and a deleted customer, a price id and the plan of old", () => {
    expect(readSubscription({ ...older, customer: { id: "cus_2", object: "customer" } })?.customerId).toBe("cus_2");
    expect(readSubscription({ ...older, customer: { id: "cus_3", deleted: true } })?.customerId).toBe("cus_3");
    expect(readSubscription({ ...older, items: { data: [{ price: "price_9" }] } })?.priceId).toBe("price_9");
    expect(readSubscription({ ...older, items: { data: [{ plan: { id: "plan_9" } }] } })?.priceId).toBe("plan_9");
  });

  const priced = (...data: object[]) => readSubscription({ ...older, items: { data } });
  const metered = { id: "price_metered", recurring: { usage_type: "metered" } };
  const licensed = { id: "price_plan", recurring: { usage_type: "licensed" } };

  it("takes the first price that is not metered for the plan's, by the price or by the plan of old", () => {
    expect(priced({ price: metered }, { price: licensed }, { price: "price_3" })?.priceId).toBe("price_plan");
    const old = { plan: { id: "plan_metered", usage_type: "metered" } };
    expect(priced(old, { plan: { id: "plan_9", usage_type: "licensed" } })?.priceId).toBe("plan_9");
    expect(priced({ price: metered }, old)?.priceId).toBe("price_metered");
  });

  it("lists the prices of all items, sorted and each once", () => {
    const items = [{ price: licensed }, { price: metered }, { price: "price_a" }, { price: { id: "price_plan" } }, {}];
    expect(priced(...items)?.priceIds).toEqual(["price_a", "price_metered", "price_plan"]);
    expect(priced({}, { price: null })?.priceIds).toBeUndefined();
  });

  it("does without items and without a period", () => {
    expect(readSubscription({ id: "sub_1", customer: "cus_1", status: "a_new_status" })).toEqual({
      id: "sub_1",
      customerId: "cus_1",
      status: "a_new_status",
      currentPeriodStartSeconds: undefined,
      currentPeriodEndSeconds: undefined,
      priceId: undefined,
      priceIds: undefined,
      metadata: {},
    });
  });

  it.each([null, "sub_1", {}, { ...older, id: 1 }, { ...older, customer: null }, { ...older, status: {} }])(
    "is undefined without id, customer or status: %j",
    (value) => {
      expect(readSubscription(value)).toBeUndefined();
    },
  );
});

describe("other readers", () => {
  it("find an invoice's subscription in both shapes", () => {
    expect(readInvoiceSubscriptionId({ subscription: "sub_1" })).toBe("sub_1");
    expect(readInvoiceSubscriptionId({ subscription: { id: "sub_2" } })).toBe("sub_2");
    expect(readInvoiceSubscriptionId({ parent: { subscription_details: { subscription: "sub_3" } } })).toBe("sub_3");
    expect(readInvoiceSubscriptionId({ parent: { quote_details: {} } })).toBeUndefined();
    expect(readInvoiceSubscriptionId(undefined)).toBeUndefined();
  });

  it("read a customer as id or object", () => {
    expect(readCustomerId({ customer: "cus_1" })).toBe("cus_1");
    expect(readCustomerId({ customer: { id: "cus_1" } })).toBe("cus_1");
    expect(readCustomerId({ customer: null })).toBeUndefined();
  });

  it("keep only texts of metadata", () => {
    expect(readMetadata({ metadata: { a: "1", b: 2, c: null } })).toEqual({ a: "1" });
    expect(readMetadata({ metadata: "a" })).toEqual({});
  });

  it("refuse ids with other characters", () => {
    expect(readStripeId("sub_1/../x")).toBeUndefined();
    expect(readStripeId("")).toBeUndefined();
    expect(readStripeId(7)).toBeUndefined();
  });

  it("read a checkout session", () => {
    const session = {
      id: "cs_1",
      mode: "subscription",
      payment_status: "paid",
      customer: "cus_1",
      subscription: "sub_1",
    };
    expect(readCheckoutSession({ ...session, metadata: { slug: "acme" } })).toEqual({
      id: "cs_1",
      mode: "subscription",
      paymentStatus: "paid",
      customerId: "cus_1",
      subscriptionId: "sub_1",
      metadata: { slug: "acme" },
    });
    expect(readCheckoutSession({})).toBeUndefined();
  });
});
