import { expect, test } from "vitest";
import { type Item, PRICES } from "./price-list.ts";
import {
  addUsage,
  formatBill,
  formatPrice,
  formatUsd,
  perMillion,
  priceMarginal,
  priceMonth,
  scaleUsage,
} from "./price-usage.ts";

test("a million rows cost a dollar at the margin, however few are included", () => {
  expect(priceMarginal({ d1RowsWritten: 1_000_000 }).usd).toBe(1);
  expect(priceMarginal({ objectRequests: 1_000_000 }).usd).toBe(0.15);
  expect(priceMarginal({ r2ClassA: 10 }).usd).toBe(0.000_045);
});

test("a marginal bill is the sum of its lines", () => {
  const bill = priceMarginal({ objectRequests: 2_000_000, d1RowsRead: 3_000_000, r2GbMonths: 0.5 });
  expect(bill.lines.map(({ item, nanoUsd }) => [item, nanoUsd])).toEqual([
    ["objectRequests", 300_000_000],
    ["d1RowsRead", 3_000_000],
    ["r2GbMonths", 7_500_000],
  ]);
  expect(bill.usd).toBe(0.3105);
});

test("a month within what is included costs nothing", () => {
  const usage = Object.fromEntries((Object.keys(PRICES) as Item[]).map((item) => [item, PRICES[item].included]));
  expect(priceMonth(usage).usd).toBe(0);
});

test("one operation above the included million is billed as a whole million where the page says so", () => {
  expect(priceMonth({ r2ClassA: 1_000_001 }).usd).toBe(4.5);
  expect(priceMonth({ r2ClassA: 2_000_001 }).usd).toBe(9);
  expect(priceMonth({ objectRequests: 1_000_001 }).usd).toBe(0.15);
});

test("rows above the included ones are billed one by one", () => {
  expect(priceMonth({ d1RowsWritten: 50_000_001 }).usd).toBe(0.000_001);
});

test("usage is scaled to a million events and added item by item", () => {
  expect(perMillion({ d1RowsWritten: 5 }, 1_000)).toEqual({ d1RowsWritten: 5_000 });
  expect(addUsage({ r2ClassA: 1 }, { r2ClassA: 2, r2ClassB: 3 }, {})).toEqual({ r2ClassA: 3, r2ClassB: 3 });
  expect(scaleUsage({ r2ClassA: 4 }, 0.5)).toEqual({ r2ClassA: 2 });
});

test("the arithmetic shows units, price and product of every line, and the sum", () => {
  const lines = formatBill(priceMarginal({ objectRequests: 1_000_000, r2GbMonths: 2 }));
  expect(lines.map((line) => line.trim().replaceAll(/\s+/g, " "))).toEqual([
    "Durable Object requests (calls, alarms) 1,000,000 x $0.15 a million requests = $0.1500",
    "R2 storage 2 x $0.015 a GB-month = $0.0300",
    "sum = $0.1800",
  ]);
});

test("prices read as their pages write them", () => {
  expect(formatPrice("objectRowsRead")).toBe("$0.001 a million rows");
  expect(formatPrice("objectGbSeconds")).toBe("$12.5 a million GB-s");
  expect(formatPrice("d1GbMonths")).toBe("$0.75 a GB-month");
  expect([0, 0.01234, 4_856.9].map((usd) => formatUsd(usd))).toEqual(["$0.00", "$0.0123", "$4,856.90"]);
  expect(formatUsd(0.345, 2)).toBe("$0.35");
});

test("every price is a whole number of nano-dollars and names its page", () => {
  const prices = Object.values(PRICES);
  expect(prices.length).toBeGreaterThan(10);
  expect(prices.filter(({ nanoUsd }) => !Number.isSafeInteger(nanoUsd) || nanoUsd <= 0)).toEqual([]);
});
