import { describe, expect, test } from "vitest";
import { FUNNEL_SUMMARY_DAYS_MAX } from "../intake-limits.ts";
import { type Calendar, createCalendar } from "./calendar-day.ts";
import { comparePeriods, readMoment } from "./funnel-period.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse("2026-11-21T12:30:00Z");
const calendarOf = (timeZone: string): Calendar => createCalendar(timeZone) as Calendar;
const utc = calendarOf("UTC");

const compare = (from: string | undefined, to: string | undefined, calendar = utc) =>
  comparePeriods(
    {
      fromMs: from === undefined ? undefined : readMoment(from, calendar),
      toMs: to === undefined ? undefined : readMoment(to, calendar),
      nowMs: NOW_MS,
    },
    calendar,
  );

const iso = (epochMs: number | undefined): string => new Date(epochMs ?? Number.NaN).toISOString();

describe("compared periods", () => {
  test("whole days are compared with as many days before, whatever their length", () => {
    const periods = compare("2026-10-25", "2026-10-27", calendarOf("Europe/Berlin"));
    expect(iso(periods?.current.startMs)).toBe("2026-10-24T22:00:00.000Z");
    expect(iso(periods?.current.endMs)).toBe("2026-10-26T23:00:00.000Z");
    expect(iso(periods?.previous.startMs)).toBe("2026-10-22T22:00:00.000Z");
    expect(periods?.previous.days.map(({ key }) => key)).toEqual(["2026-10-23", "2026-10-24"]);
  });

  test("another stretch is compared with the same time before, its days cut at both ends", () => {
    const periods = compare("2026-11-20T18:00:00Z", "2026-11-21T06:00:00Z");
    expect(periods?.current.days.map(({ key, startMs, endMs }) => [key, (endMs - startMs) / 3_600_000])).toEqual([
      ["2026-11-20", 6],
      ["2026-11-21", 6],
    ]);
    expect(iso(periods?.previous.startMs)).toBe("2026-11-20T06:00:00.000Z");
    expect(periods?.previous.days.map(({ key }) => key)).toEqual(["2026-11-20"]);
  });

  test("without bounds the last thirty days are taken, up to the end of today", () => {
    const periods = compare(undefined, undefined, calendarOf("Asia/Seoul"));
    expect(periods?.current.days).toHaveLength(30);
    expect(iso(periods?.current.endMs)).toBe("2026-11-21T15:00:00.000Z");
    expect(
      compare(undefined, "2026-11-10")
        ?.current.days.map(({ key }) => key)
        .at(0),
    ).toBe("2026-10-11");
  });

  test("days tile both periods without gap or overlap, in every zone", () => {
    const zones = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kolkata"];
    for (const [index, calendar] of Array.from(
      { length: 60 },
      (_, n) => [n, calendarOf(zones[n % 5] ?? "")] as const,
    )) {
      const fromMs = Date.UTC(2011, 10, 1) + index * 37 * DAY_MS + index * 4_321_987;
      const endMs = fromMs + 1 + ((index * 7_919) % 60) * DAY_MS + index * 1_234_567;
      const periods = comparePeriods({ fromMs, toMs: endMs, nowMs: NOW_MS }, calendar);
      expect([periods?.current.startMs, periods?.current.endMs, periods?.previous.endMs]).toEqual([
        fromMs,
        endMs,
        fromMs,
      ]);
      for (const period of [periods?.current, periods?.previous]) {
        const days = period?.days ?? [];
        const edges = [...days.map(({ startMs }) => startMs), period?.endMs];
        expect([period?.startMs, ...days.map(({ endMs }) => endMs)]).toEqual(edges);
        expect(new Set(days.map(({ key }) => key)).size).toBe(days.length);
      }
    }
  });

  test("nothing, or more days than are counted, is no period", () => {
    expect(compare("2026-11-02", "2026-11-02")).toBeUndefined();
    expect(compare("2026-11-02", "2026-11-01")).toBeUndefined();
    expect(compare("2026-11-30", undefined)).toBeUndefined();
    const from = new Date(Date.UTC(2026, 10, 1) - FUNNEL_SUMMARY_DAYS_MAX * DAY_MS).toISOString().slice(0, 10);
    expect(compare(from, "2026-11-01")?.current.days).toHaveLength(FUNNEL_SUMMARY_DAYS_MAX);
    expect(compare("2026-01-01", "2026-11-01")).toBeUndefined();
  });
});

test.each([
  ["2026-11-21", "2026-11-20T15:00:00.000Z"],
  ["2026-11-21T00:00:00+09:00", "2026-11-20T15:00:00.000Z"],
])("reads %s as a moment of the calendar", (text, instant) => {
  expect(iso(readMoment(text, calendarOf("Asia/Seoul")))).toBe(instant);
});

test.each(["yesterday", "2026-02-30", "2026-11-21T00:00:00", "1999-12-31", "2200-01-01", "0000-01-01", ""])(
  "reads no moment in %j",
  (text) => {
    expect(readMoment(text, utc)).toBeUndefined();
  },
);
