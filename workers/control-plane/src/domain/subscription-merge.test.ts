import { describe, expect, it } from "vitest";
import type { SubscriptionFields } from "@prego/core/stripe";
import type { SubscriptionRow } from "./rows.ts";
import { mergeSubscription } from "./subscription-merge.ts";

const known: SubscriptionRow = {
  subscriptionId: "sub_1",
  customerId: "cus_1",
  tenantId: "ten_1",
  status: "active",
  currentPeriodEnd: "2027-01-15T08:00:00.000Z",
  priceId: "price_1",
  stateAsOf: 100,
  currentPeriodStart: "2026-12-15T08:00:00.000Z",
  priceIds: '["price_1"]',
  updatedAt: "2026-11-21T00:00:00.000Z",
};

const fields = (change: Partial<SubscriptionFields> = {}): SubscriptionFields => ({
  id: "sub_1",
  customerId: "cus_1",
  status: "active",
  currentPeriodStartSeconds: 1_797_321_600,
  currentPeriodEndSeconds: 1_800_000_000,
  priceId: "price_1",
  priceIds: ["price_1"],
  metadata: {},
  ...change,
});

const merge = (
  change: Partial<SubscriptionFields>,
  asOfSeconds: number,
  row: SubscriptionRow | undefined = known,
  asked?: SubscriptionFields,
) => mergeSubscription(row, { fields: fields(change), asOfSeconds }, { nowMs: 0, asked });

describe("mergeSubscription", () => {
  it("takes the first state it hears of, without a tenant", () => {
    const merged = mergeSubscription(undefined, { fields: fields(), asOfSeconds: 5 }, { nowMs: 0, asked: undefined });
    expect(merged).toMatchObject({ kind: "take", after: { status: "active", stateAsOf: 5, tenantId: null } });
  });

  it("takes a newer state and keeps the tenant", () => {
    expect(merge({ status: "past_due" }, 101)).toMatchObject({
      kind: "take",
      after: { status: "past_due", stateAsOf: 101, tenantId: "ten_1", currentPeriodEnd: "2027-01-15T08:00:00.000Z" },
    });
  });

  it("takes the start of the period and all prices", () => {
    const change = { currentPeriodStartSeconds: 1_800_000_000, priceIds: ["price_1", "price_metered"] };
    expect(merge(change, 101)).toMatchObject({
      after: { currentPeriodStart: "2027-01-15T08:00:00.000Z", priceIds: '["price_1","price_metered"]' },
    });
  });

  it("keeps what it has against an older state", () => {
    expect(merge({ status: "past_due" }, 99)).toEqual({ kind: "keep" });
  });

  it("keeps what it has when the same second says the same", () => {
    expect(merge({}, 100)).toEqual({ kind: "keep" });
  });

  it.each<Partial<SubscriptionFields>>([
    { status: "past_due" },
    { priceId: "price_2" },
    { currentPeriodStartSeconds: 1_797_321_601 },
    { currentPeriodEndSeconds: 1_800_000_001 },
    { priceIds: ["price_1", "price_metered"] },
    { customerId: "cus_2" },
  ])("asks Stripe when the same second says something else: %j", (change) => {
    expect(merge(change, 100)).toEqual({ kind: "ask", subscriptionId: "sub_1" });
  });

  const unknown: SubscriptionRow = { ...known, currentPeriodStart: null, priceIds: null };
  const { currentPeriodStart, priceIds } = known;

  it("learns in the same second what it did not know, without asking", () => {
    expect(merge({}, 100, unknown)).toMatchObject({
      kind: "take",
      after: { currentPeriodStart, priceIds, stateAsOf: 100, tenantId: "ten_1" },
    });
    const halves = [
      merge({ currentPeriodStartSeconds: undefined }, 100, { ...unknown, currentPeriodStart }),
      merge({ priceIds: undefined }, 100, { ...unknown, priceIds }),
    ];
    for (const half of halves) expect(half).toMatchObject({ kind: "take", after: { currentPeriodStart, priceIds } });
  });

  it("forgets nothing by a state of the same second that knows less", () => {
    expect(merge({ currentPeriodStartSeconds: undefined, priceIds: undefined }, 100)).toEqual({ kind: "keep" });
  });

  it("learns of an ended subscription only from its end", () => {
    const ended = { ...unknown, status: "canceled" };
    expect(merge({ status: "active" }, 200, ended)).toEqual({ kind: "keep" });
    expect(merge({ status: "canceled" }, 99, ended)).toMatchObject({
      kind: "take",
      after: { status: "canceled", currentPeriodStart, priceIds, stateAsOf: 100 },
    });
    expect(merge({ status: "canceled" }, 200, { ...known, status: "canceled" })).toEqual({ kind: "keep" });
  });

  it("takes Stripe's answer for that second, so that the next second still wins", () => {
    const settled = merge({ status: "past_due" }, 100, known, fields({ status: "unpaid" }));
    expect(settled).toMatchObject({ kind: "take", after: { status: "unpaid", stateAsOf: 100 } });
  });

  it("keeps what it has when Stripe confirms it", () => {
    expect(merge({ status: "past_due" }, 100, known, fields())).toEqual({ kind: "keep" });
  });

  it("takes an end however old, and never goes back behind the newest second", () => {
    expect(merge({ status: "canceled" }, 1)).toMatchObject({
      kind: "take",
      after: { status: "canceled", stateAsOf: 100 },
    });
  });

  it("never revives an ended subscription", () => {
    expect(merge({ status: "active" }, 200, { ...known, status: "canceled" })).toEqual({ kind: "keep" });
  });
});
