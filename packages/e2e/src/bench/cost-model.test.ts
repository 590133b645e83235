import { expect, test } from "vitest";
import {
  alternativeUsage,
  countFlushes,
  D1_INSERT_PER_EVENT,
  frontDoorUsage,
  meteringUsage,
  R2_PUT_PER_EVENT,
} from "./cost-model.ts";
import { formatMonthBills, formatMonthTable, formatPriceTable } from "./cost-tables.ts";
import type { MeasuredUsage } from "./measured-usage.ts";
import { PRICES } from "./price-list.ts";

const measured: MeasuredUsage = {
  perMillion: {
    oneByOne: { objectRequests: 1_000_000, objectRowsWritten: 100_000 },
    oneByOneAlone: { objectRequests: 1_000_000, objectRowsWritten: 2_000_000 },
    batches: { objectRequests: 10_000, objectRowsWritten: 2_000 },
    batchesAlone: { objectRequests: 10_000, objectRowsWritten: 20_000 },
  },
  cpuMsPerRequest: { oneByOne: 0.5, oneByOneAlone: 1, batches: 4, batchesAlone: 5 },
  perFlush: { r2ClassA: 1, d1RowsWritten: 8 },
  perRun: { d1RowsRead: 10 },
  objectRowBytes: 500,
};

test("a batch of 100 events is one HTTP request", () => {
  const month = { events: 1_000_000, tenants: 1 };
  expect(frontDoorUsage({ ...month, sender: "batches" }, measured)).toEqual({ httpRequests: 10_000, cpuMs: 40_000 });
  expect(frontDoorUsage({ ...month, sender: "oneByOne" }, measured)).toEqual({
    httpRequests: 1_000_000,
    cpuMs: 500_000,
  });
});

test("few events make at most one flush a request, many at least one for 5,000", () => {
  expect(countFlushes({ events: 1_000, sender: "oneByOne", tenants: 100 })).toBe(1_000);
  expect(countFlushes({ events: 1_000, sender: "batches", tenants: 100 })).toBe(10);
  expect(countFlushes({ events: 1_000_000, sender: "oneByOne", tenants: 1 })).toBe(240 * 12);
  expect(countFlushes({ events: 100_000_000, sender: "oneByOne", tenants: 1 })).toBe(20_000);
});

test("a month pays its events, the flushes that were not full, and the aggregator's runs", () => {
  const usage = meteringUsage({ events: 2_000_000, sender: "oneByOne", tenants: 1 }, measured);
  const flushes = 2_880;
  expect(usage).toEqual({
    objectRequests: 2_000_000,
    objectRowsWritten: 200_000,
    r2ClassA: flushes - 400,
    d1RowsWritten: 8 * (flushes - 400),
    d1RowsRead: 28_800,
    d1GbMonths: (flushes * 500) / 1e9,
  });
});

test("the alternatives pay each event", () => {
  const month = { events: 3_000_000, sender: "oneByOneAlone", tenants: 1 } as const;
  expect(alternativeUsage(R2_PUT_PER_EVENT, month)).toEqual({ r2ClassA: 3_000_000, r2ClassB: 3_000_000 });
  expect(alternativeUsage(D1_INSERT_PER_EVENT, month)).toEqual({ d1RowsWritten: 6_000_000 });
});

test("the month table has a row for every volume and sender, all of the same width", () => {
  const rows = formatMonthTable(measured).split("\n");
  expect(rows).toHaveLength(2 + 4 * 3);
  expect(new Set(rows.map((row) => row.split("|").length)).size).toBe(1);
  expect(rows.at(-1)).toContain("1,000,000,000");
});

test("the bills show what was used beyond the included, and the price table every price", () => {
  expect(formatMonthBills(measured)).toContain(
    "| Durable Object rows written (setAlarm, deletes) | 200,000,000 | 50,000,000 | 150,000,000 | $1 a million rows | $150.00 |",
  );
  expect(formatPriceTable().match(/https:\/\//g)).toHaveLength(Object.keys(PRICES).length);
});
