import { describe, expect, test } from "vitest";
import { type Calendar, createCalendar, isCalendarDay, shiftDay } from "./calendar-day.ts";

const HOUR_MS = 3_600_000;

function calendarOf(timeZone: string): Calendar {
  const calendar = createCalendar(timeZone);
  if (calendar === undefined) throw new Error(`no zone ${timeZone}`);
  return calendar;
}

const startOf = (timeZone: string, day: string): string => new Date(calendarOf(timeZone).startOf(day)).toISOString();

describe("a calendar", () => {
  test.each([
    ["UTC", "2026-11-21", "2026-11-21T00:00:00.000Z"],
    ["Asia/Seoul", "2026-11-21", "2026-11-20T15:00:00.000Z"],
    ["Asia/Kathmandu", "2026-11-21", "2026-11-20T18:15:00.000Z"],
    ["Pacific/Kiritimati", "2026-11-21", "2026-11-20T10:00:00.000Z"],
    ["Pacific/Pago_Pago", "2026-11-21", "2026-11-21T11:00:00.000Z"],
    ["America/New_York", "2026-11-02", "2026-11-02T05:00:00.000Z"],
  ])("in %s begins %s at %s", (timeZone, day, instant) => {
    expect(startOf(timeZone, day)).toBe(instant);
  });

  test("begins a day where clocks skip midnight at the first instant that there is", () => {
    expect(startOf("America/Sao_Paulo", "2018-11-04")).toBe("2018-11-04T03:00:00.000Z");
    expect(startOf("America/Sao_Paulo", "2018-11-05")).toBe("2018-11-05T02:00:00.000Z");
  });

  test("has days of 23 and 25 hours, and one that was left out", () => {
    const hoursOf = (timeZone: string, day: string): number =>
      (calendarOf(timeZone).startOf(shiftDay(day, 1)) - calendarOf(timeZone).startOf(day)) / HOUR_MS;
    expect(hoursOf("Europe/Berlin", "2026-03-29")).toBe(23);
    expect(hoursOf("Europe/Berlin", "2026-10-25")).toBe(25);
    expect(hoursOf("Europe/Berlin", "2026-10-26")).toBe(24);
    expect(hoursOf("Pacific/Apia", "2011-12-30")).toBe(0);
  });

  test("agrees with itself: a day's first instant is in it, and the one before is not", () => {
    for (const timeZone of ["UTC", "Europe/Berlin", "America/New_York", "Asia/Seoul", "Australia/Lord_Howe"]) {
      const calendar = calendarOf(timeZone);
      // A step that is no multiple of a day meets every hour and every change of clocks of two years.
      for (let epochMs = Date.UTC(2026, 0); epochMs < Date.UTC(2028, 0); epochMs += 17 * HOUR_MS + 1_234_567) {
        const day = calendar.dayOf(epochMs);
        const startMs = calendar.startOf(day);
        expect(startMs).toBeLessThanOrEqual(epochMs);
        expect(calendar.startOf(shiftDay(day, 1))).toBeGreaterThan(epochMs);
        expect([calendar.dayOf(startMs), calendar.dayOf(startMs - 1)]).toEqual([day, shiftDay(day, -1)]);
      }
    }
  });

  test.each(["", "Mars/Olympus", "+99:00", "Europe/Berlin;"])("does not exist for %j", (timeZone) => {
    expect(createCalendar(timeZone)).toBeUndefined();
  });
});

test("days shift over months, leap days and years", () => {
  expect([shiftDay("2026-12-31", 1), shiftDay("2028-03-01", -1), shiftDay("2026-11-21", 0)]).toEqual([
    "2027-01-01",
    "2028-02-29",
    "2026-11-21",
  ]);
});

test.each([
  ["2026-11-21", true],
  ["2028-02-29", true],
  ["2026-02-29", false],
  ["2026-13-01", false],
  ["2026-1-1", false],
  ["2026-11-21T00:00:00Z", false],
  ["", false],
])("%s is a day: %s", (text, expected) => {
  expect(isCalendarDay(text)).toBe(expected);
});
