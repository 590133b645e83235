import { parseInstant } from "@prego/core/period";
import { FUNNEL_SUMMARY_DAYS_DEFAULT, FUNNEL_SUMMARY_DAYS_MAX } from "../intake-limits.ts";
import { type Calendar, isCalendarDay, shiftDay } from "./calendar-day.ts";

/** A half-open stretch of time with a name. */
export interface Bucket {
  key: string;
  startMs: number;
  endMs: number;
}

/** What a summary covers, cut into days of its calendar. */
export interface Period {
  startMs: number;
  endMs: number;
  days: Bucket[];
}

/** A period and the one of the same length right before it. */
export interface ComparedPeriods {
  current: Period;
  previous: Period;
}

const MOMENT_MS_MIN = Date.UTC(2000, 0);
const MOMENT_MS_MAX = Date.UTC(2200, 0);

/**
 * Reads a day of the calendar as its first instant, or an RFC 3339 instant; undefined for anything else, and outside of
 * the years 2000 to 2199, where zones count in whole minutes and every day has four-digit neighbours.
 */
export function readMoment(text: string, calendar: Calendar): number | undefined {
  const epochMs = isCalendarDay(text) ? calendar.startOf(text) : parseInstant(text);
  return epochMs !== undefined && epochMs >= MOMENT_MS_MIN && epochMs < MOMENT_MS_MAX ? epochMs : undefined;
}

/**
 * The period from `from` to before `to`: by default the last 30 days, today included. Whole days are compared with as many
 * days before, other stretches with the same time before.
 * @returns undefined when nothing or more than FUNNEL_SUMMARY_DAYS_MAX days lie in between.
 */
export function comparePeriods(
  range: { fromMs: number | undefined; toMs: number | undefined; nowMs: number },
  calendar: Calendar,
): ComparedPeriods | undefined {
  const endMs = range.toMs ?? calendar.startOf(shiftDay(calendar.dayOf(range.nowMs), 1));
  const lastDay = calendar.dayOf(endMs - 1);
  const startMs = range.fromMs ?? calendar.startOf(shiftDay(lastDay, 1 - FUNNEL_SUMMARY_DAYS_DEFAULT));
  const current = cutIntoDays(startMs, endMs, calendar);
  const [first] = current?.days ?? [];
  if (current === undefined || first === undefined) return undefined;

  const isWhole = calendar.startOf(first.key) === startMs && calendar.startOf(shiftDay(lastDay, 1)) === endMs;
  const previousStartMs = isWhole
    ? calendar.startOf(shiftDay(first.key, -current.days.length))
    : startMs - (endMs - startMs);
  const previous = cutIntoDays(previousStartMs, startMs, calendar);
  return previous === undefined ? undefined : { current, previous };
}

/** The first and last day may be cut short, so one more than allowed may be touched. */
function cutIntoDays(startMs: number, endMs: number, calendar: Calendar): Period | undefined {
  const days: Bucket[] = [];
  let atMs = startMs;
  while (atMs < endMs) {
    if (days.length > FUNNEL_SUMMARY_DAYS_MAX) return undefined;
    const key = calendar.dayOf(atMs);
    const nextMs = calendar.startOf(shiftDay(key, 1));
    days.push({ key, startMs: atMs, endMs: Math.min(nextMs, endMs) });
    atMs = nextMs;
  }
  return { startMs, endMs, days };
}
