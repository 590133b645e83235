import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatInstant, parseInstant } from "./period.ts";

const FIRST_MS = Date.parse("0000-01-01T00:00:00.000Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");
const DAY_MS = 86_400_000;

/** A wall clock with an offset that keeps it within the years 0000 to 9999. */
const zonedInstant = fc.record({
  ms: fc.integer({ min: FIRST_MS + DAY_MS, max: LAST_MS - DAY_MS }),
  sign: fc.constantFrom("+", "-"),
  offsetMinutes: fc.integer({ min: 0, max: 1439 }),
});

describe("parseInstant", () => {
  it.each([
    ["1970-01-01T00:00:00Z", 0],
    ["1970-01-01T00:00:00.000Z", 0],
    ["1970-01-01T00:00:00.1Z", 100],
    ["1970-01-01T00:00:00.12Z", 120],
    ["1970-01-01T00:00:00.123456789Z", 123],
    ["1970-01-01T00:00:00.999999999Z", 999],
    ["1969-12-31T23:59:59.999999999Z", -1],
    ["1970-01-01T01:00:00+01:00", 0],
    ["1969-12-31T20:30:00-03:30", 0],
    ["1970-01-01T23:59:00+23:59", 0],
    ["1970-01-01T00:00:00-00:00", 0],
    ["1970-01-01T00:00:00+00:00", 0],
    ["0000-01-01T00:00:00Z", FIRST_MS],
    ["0000-02-29T00:00:00Z", FIRST_MS + 59 * DAY_MS],
    ["9999-12-31T23:59:59.999Z", LAST_MS],
    ["2024-02-29T12:00:00Z", 1_709_208_000_000],
    ["2000-02-29T00:00:00Z", 951_782_400_000],
    ["2016-12-31T23:59:59Z", 1_483_228_799_000],
  ])("reads %s", (text, ms) => {
    expect(parseInstant(text)).toBe(ms);
  });

  it.each([
    "",
    "2026",
    "2026-11-21",
    "2026-11-21T02:03:04",
    "2026-11-21T02:03Z",
    "2026-11-21T02Z",
    "2026-11-21 02:03:04Z",
    "2026-11-21t02:03:04Z",
    "2026-11-21T02:03:04z",
    " 2026-11-21T02:03:04Z",
    "2026-11-21T02:03:04Z ",
    "2026-11-21T02:03:04Z\n",
    "2026-02-30T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-32T00:00:00Z",
    "2026-11-21T24:00:00Z",
    "2026-11-21T25:00:00Z",
    "2026-11-21T02:60:00Z",
    "2026-11-21T02:03:60Z",
    "2016-12-31T23:59:60Z",
    "2026-11-21T02:03:04.Z",
    "2026-11-21T02:03:04,5Z",
    "2026-11-21T02:03:04.1234567890Z",
    "2026-11-21T02:03:04+0100",
    "2026-11-21T02:03:04+01",
    "2026-11-21T02:03:04+24:00",
    "2026-11-21T02:03:04+01:60",
    "2026-11-21T02:03:04Z+01:00",
    "2026-11-21T02:03:04−01:00",
    "+002026-11-21T02:03:04Z",
    "-000001-01-01T00:00:00Z",
    "12026-11-21T02:03:04Z",
    "26-11-21T02:03:04Z",
    "２026-11-21T02:03:04Z",
    "20261121T020304Z",
    "2026-W47-6T00:00:00Z",
    "1763690584",
    "Sat, 21 Nov 2026 02:03:04 GMT",
    "0000-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
  ])("refuses %j", (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });

  it("reads back every instant that formatInstant writes", () => {
    fc.assert(
      fc.property(fc.integer({ min: FIRST_MS, max: LAST_MS }), (ms) => {
        expect(parseInstant(formatInstant(ms))).toBe(ms);
      }),
    );
  });

  it("agrees with Date on every offset", () => {
    fc.assert(
      fc.property(zonedInstant, ({ ms, sign, offsetMinutes }) => {
        const hours = String(Math.floor(offsetMinutes / 60)).padStart(2, "0");
        const minutes = String(offsetMinutes % 60).padStart(2, "0");
        const text = `${new Date(ms).toISOString().slice(0, -1)}${sign}${hours}:${minutes}`;
        expect(parseInstant(text)).toBe(Date.parse(text));
      }),
    );
  });

  it("cuts a fraction to milliseconds and never rounds it up", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9]{1,9}$/), (fraction) => {
        const ms = Number(fraction.padEnd(3, "0").slice(0, 3));
        expect(parseInstant(`2026-12-31T23:59:59.${fraction}Z`)).toBe(Date.parse("2026-12-31T23:59:59Z") + ms);
      }),
    );
  });

  it("accepts exactly the days that the calendar has", () => {
    const digits = (max: number, width: number) =>
      fc.integer({ min: 0, max }).map((n) => String(n).padStart(width, "0"));
    fc.assert(
      fc.property(digits(9999, 4), digits(13, 2), digits(32, 2), (year, month, day) => {
        const text = `${year}-${month}-${day}T00:00:00.000Z`;
        const dateMs = Date.parse(text);
        const exists = !Number.isNaN(dateMs) && new Date(dateMs).toISOString() === text;
        expect(parseInstant(text)).toBe(exists ? dateMs : undefined);
      }),
      { numRuns: 2_000 },
    );
  });
});
