import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cycleBounds,
  cycleOf,
  dayOf,
  formatInstant,
  hourOf,
  hourStartMs,
  nextCycle,
  parseCycle,
  previousCycle,
} from "./period.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const FIRST_MS = Date.parse("0000-01-01T00:00:00.000Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");

const instantMs = fc.integer({ min: FIRST_MS, max: LAST_MS });
const cycle = fc
  .tuple(fc.integer({ min: 0, max: 9999 }), fc.integer({ min: 1, max: 12 }))
  .map(([year, month]) => `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}`);
const NO_INSTANTS = [Number.NaN, Infinity, -Infinity, 0.5, FIRST_MS - 1, LAST_MS + 1];

describe("parseCycle", () => {
  it.each(["2026-01", "2026-12", "0000-01", "9999-12"])("accepts %s", (text) => {
    expect(parseCycle(text)).toBe(text);
  });

  it.each([
    "",
    "2026",
    "2026-00",
    "2026-13",
    "2026-1",
    "26-01",
    "12026-01",
    "2026-01-01",
    "2026/01",
    " 2026-01",
    "2026-01\n",
  ])("refuses %j", (text) => {
    expect(parseCycle(text)).toBeUndefined();
  });
});

describe("cycleBounds", () => {
  it.each([
    ["2026-11", "2026-11-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z"],
    ["2026-12", "2026-12-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"],
    ["1970-01", "1970-01-01T00:00:00.000Z", "1970-02-01T00:00:00.000Z"],
    ["1969-12", "1969-12-01T00:00:00.000Z", "1970-01-01T00:00:00.000Z"],
    ["0099-12", "0099-12-01T00:00:00.000Z", "0100-01-01T00:00:00.000Z"],
  ])("runs %s from %s up to %s", (text, start, end) => {
    expect(cycleBounds(text)).toEqual({ startMs: Date.parse(start), endMs: Date.parse(end) });
  });

  it.each([
    ["2024-02", 29],
    ["2025-02", 28],
    ["2000-02", 29],
    ["2100-02", 28],
    ["0000-02", 29],
    ["2026-04", 30],
    ["2026-12", 31],
  ])("gives %s its %i days", (text, days) => {
    const { startMs, endMs } = cycleBounds(text);
    expect(endMs - startMs).toBe(days * DAY_MS);
  });

  it("covers all time without gap or overlap", () => {
    fc.assert(
      fc.property(cycle, (text) => {
        const { startMs, endMs } = cycleBounds(text);
        expect(cycleOf(startMs)).toBe(text);
        expect(cycleOf(endMs - 1)).toBe(text);
        fc.pre(startMs > FIRST_MS && endMs <= LAST_MS);
        expect(cycleBounds(cycleOf(startMs - 1)).endMs).toBe(startMs);
        expect(cycleBounds(cycleOf(endMs)).startMs).toBe(endMs);
      }),
    );
  });

  it("holds every instant of the cycle that cycleOf names", () => {
    fc.assert(
      fc.property(instantMs, (ms) => {
        const { startMs, endMs } = cycleBounds(cycleOf(ms));
        expect(startMs <= ms && ms < endMs).toBe(true);
      }),
    );
  });

  it.each(["", "2026-13", "2026-1", "2026-11-01"])("refuses %j", (text) => {
    expect(() => cycleBounds(text)).toThrow(RangeError);
  });
});

describe("nextCycle and previousCycle", () => {
  it("cross the end of a year", () => {
    expect(nextCycle("2026-12")).toBe("2027-01");
    expect(previousCycle("2027-01")).toBe("2026-12");
  });

  it("undo each other", () => {
    fc.assert(
      fc.property(cycle, (text) => {
        fc.pre(text !== "9999-12" && text !== "0000-01");
        expect(previousCycle(nextCycle(text))).toBe(text);
        expect(nextCycle(previousCycle(text))).toBe(text);
      }),
    );
  });

  it("keep the order of text and time the same", () => {
    fc.assert(
      fc.property(cycle, cycle, (a, b) => {
        expect(a < b).toBe(cycleBounds(a).startMs < cycleBounds(b).startMs);
      }),
    );
  });

  it("refuse to leave four-digit years", () => {
    expect(() => nextCycle("9999-12")).toThrow(RangeError);
    expect(() => previousCycle("0000-01")).toThrow(RangeError);
  });
});

describe("hourOf and hourStartMs", () => {
  it("name the UTC hour", () => {
    expect(hourOf(Date.parse("2026-11-21T02:59:59.999Z"))).toBe("2026-11-21T02");
    expect(hourStartMs("2026-11-21T02")).toBe(Date.parse("2026-11-21T02:00:00Z"));
    expect(hourOf(-1)).toBe("1969-12-31T23");
  });

  it("put every instant into the hour that begins at most an hour before", () => {
    fc.assert(
      fc.property(instantMs, (ms) => {
        const startMs = hourStartMs(hourOf(ms));
        expect(startMs <= ms && ms < startMs + HOUR_MS).toBe(true);
      }),
    );
  });

  it.each(["", "2026-11-21", "2026-11-21T24", "2026-02-29T00", "2026-11-21T2", "2026-11-21t02", "2026-11-21T02:00"])(
    "refuse %j",
    (text) => {
      expect(() => hourStartMs(text)).toThrow(RangeError);
    },
  );
});

describe("dayOf", () => {
  it("names the UTC day, leap days included", () => {
    expect(dayOf(Date.parse("2024-02-29T23:59:59.999Z"))).toBe("2024-02-29");
    expect(dayOf(Date.parse("2025-03-01T00:00:00.000Z") - 1)).toBe("2025-02-28");
  });
});

describe("formatInstant", () => {
  it("writes milliseconds and Z always", () => {
    expect(formatInstant(0)).toBe("1970-01-01T00:00:00.000Z");
    expect(formatInstant(FIRST_MS)).toBe("0000-01-01T00:00:00.000Z");
    expect(formatInstant(LAST_MS)).toBe("9999-12-31T23:59:59.999Z");
  });

  it.each(NO_INSTANTS)("refuses %d, as do the names made from it", (ms) => {
    expect(() => formatInstant(ms)).toThrow(RangeError);
    expect(() => cycleOf(ms)).toThrow(RangeError);
    expect(() => hourOf(ms)).toThrow(RangeError);
    expect(() => dayOf(ms)).toThrow(RangeError);
  });
});
