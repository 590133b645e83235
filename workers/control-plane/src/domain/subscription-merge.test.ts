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
  currentPeriodStart: null,
  priceIds: null,
  updatedAt: "2026-11-21T00:00:00.000Z",
};

const fields = (change: Partial<SubscriptionFields> = {}): SubscriptionFields => ({
  id: "sub_1",
  customerId: "cus_1",
  status: "active",
  currentPeriodEndSeconds: 1_800_000_000,
  priceId: "price_1",
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

  it("keeps what it has against an older state", () => {
    expect(merge({ status: "past_due" }, 99)).toEqual({ kind: "keep" });
  });

  it("keeps what it has when the same second says the same", () => {
    expect(merge({}, 100)).toEqual({ kind: "keep" });
  });

  it.each<Partial<SubscriptionFields>>([
    { status: "past_due" },
    { priceId: "price_2" },
    { currentPeriodEndSeconds: 1_800_000_001 },
    { customerId: "cus_2" },
  ])("asks Stripe when the same second says something else: %j", (change) => {
    expect(merge(change, 100)).toEqual({ kind: "ask", subscriptionId: "sub_1" });
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
