import { describe, expect, it } from "vitest";
import { formatBatchBody, mergeByHour, parseBatchBody } from "./batch-body.ts";
import { backoffMs, flushDueMs, objectName, planFlush } from "./flush-plan.ts";

const HOUR_MS = 3_600_000;
const batch = (seq: number, idCount = 1, chars = 100) => ({ seq, events: 1, chars, idCount });

describe("planFlush", () => {
  it("takes all batches that fit, oldest first, and at least one", () => {
    expect(planFlush([])).toBeUndefined();
    expect(planFlush([batch(3), batch(4), batch(9)])).toEqual({ first: 3, last: 9 });
    expect(planFlush([batch(1, 1_000_000, 1), batch(2)])).toEqual({ first: 1, last: 1 });
    expect(planFlush([batch(1, 34_000), batch(2, 6_000), batch(3)])).toEqual({ first: 1, last: 2 });
    expect(planFlush([batch(1, 1, 4_000_000), batch(2, 1, 400_000)])).toEqual({ first: 1, last: 1 });
  });
});

describe("objectName", () => {
  it("is different for different shards and batches", () => {
    const names = [
      objectName(0, { first: 1, last: 11 }),
      objectName(0, { first: 11, last: 1 }),
      objectName(1, { first: 1, last: 11 }),
      objectName(11, { first: 1, last: 11 }),
    ];
    expect(new Set(names).size).toBe(4);
    expect(names[0]).toBe("s0-1-11");
  });
});

describe("flushDueMs", () => {
  const sinceMs = 100 * HOUR_MS + 1_000;
  it("waits for the flush time, but not past the end of the hour", () => {
    expect(flushDueMs({ events: 1, chars: 1, idCount: 1, sinceMs }, 300_000, sinceMs)).toBe(sinceMs + 300_000);
    const late = 101 * HOUR_MS - 10_000;
    expect(flushDueMs({ events: 1, chars: 1, idCount: 1, sinceMs: late }, 300_000, late)).toBe(101 * HOUR_MS);
  });

  it("is at once for 5,000 events, 20,000 ids or a megabyte", () => {
    const now = sinceMs + 5;
    expect(flushDueMs({ events: 5_000, chars: 1, idCount: 1, sinceMs }, 300_000, now)).toBe(now);
    expect(flushDueMs({ events: 1, chars: 1_048_576, idCount: 1, sinceMs }, 300_000, now)).toBe(now);
    expect(flushDueMs({ events: 0, chars: 0, idCount: 20_000, sinceMs }, 300_000, now)).toBe(now);
    expect(flushDueMs({ events: 4_999, chars: 1_048_575, idCount: 1, sinceMs }, 300_000, now)).toBeGreaterThan(now);
  });
});

describe("backoffMs", () => {
  it("doubles up to a minute and stays there", () => {
    expect([1, 2, 3, 6, 7, 1_000].map(backoffMs)).toEqual([1_000, 2_000, 4_000, 32_000, 60_000, 60_000]);
  });
});

describe("the text of a batch row", () => {
  const hours = [
    { hour: "2026-11-21T12", events: 2, text: '{"path":"é🙂 1 2"}\n{"b":1}\n' },
    { hour: "2026-11-21T11", events: 1, text: '{"c":1}\n' },
  ];

  it("is read back as it was written", () => {
    expect(parseBatchBody(formatBatchBody(hours))).toEqual(hours);
    expect(parseBatchBody("")).toEqual([]);
  });

  it("is merged by hour, in the order of the batches", () => {
    const merged = mergeByHour([formatBatchBody(hours), formatBatchBody(hours.slice(1))]);
    expect(merged.map(({ hour, events }) => [hour, events])).toEqual([
      ["2026-11-21T11", 2],
      ["2026-11-21T12", 2],
    ]);
    expect(merged[0]?.text).toBe('{"c":1}\n{"c":1}\n');
  });

  it("is refused when it is damaged", () => {
    expect(() => parseBatchBody("2026-11-21T12")).toThrow();
    expect(() => parseBatchBody("2026-11-21T12 5\n")).toThrow();
  });
});
