const DAY_PATTERN = /^(\d{4})-(\d{2})-(\d{2})$/;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** No zone is further from UTC than 14 h; one more covers a day that begins late. */
const OFFSET_MS_MAX = 15 * 60 * MINUTE_MS;

/** Days as people in one time zone count them, written `2026-11-21`. */
export interface Calendar {
  /** The zone's name as it was given. */
  timeZone: string;
  dayOf: (epochMs: number) => string;
  /** First instant of a day; it need not be midnight, and days have 23 to 25 hours. */
  startOf: (day: string) => number;
}

/** The calendar of an IANA time zone; undefined for a name that is none. */
export function createCalendar(timeZone: string): Calendar | undefined {
  const format = createFormat(timeZone);
  if (format === undefined) return undefined;
  const dayOf = (epochMs: number): string => {
    const parts = new Map(format.formatToParts(new Date(epochMs)).map(({ type, value }) => [type, value]));
    return `${(parts.get("year") ?? "").padStart(4, "0")}-${parts.get("month") ?? ""}-${parts.get("day") ?? ""}`;
  };
  return { timeZone, dayOf, startOf: (day) => findStart(day, dayOf) };
}

/** The day some days later, or earlier for a negative count. */
export function shiftDay(day: string, days: number): string {
  return new Date(utcStartOf(day) + days * DAY_MS).toISOString().slice(0, 10);
}

/** Whether a text is a day that exists. */
export function isCalendarDay(text: string): boolean {
  return DAY_PATTERN.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`)) && shiftDay(text, 0) === text;
}

const utcStartOf = (day: string): number => Date.parse(`${day}T00:00:00Z`);

/** Bisects to the minute at which the zone's day begins: right for every offset, and where clocks skip midnight. */
function findStart(day: string, dayOf: (epochMs: number) => string): number {
  let beforeMinute = (utcStartOf(day) - OFFSET_MS_MAX) / MINUTE_MS;
  let withinMinute = (utcStartOf(day) + OFFSET_MS_MAX) / MINUTE_MS;
  while (withinMinute - beforeMinute > 1) {
    const middle = Math.floor((beforeMinute + withinMinute) / 2);
    if (dayOf(middle * MINUTE_MS) < day) beforeMinute = middle;
    else withinMinute = middle;
  }
  return withinMinute * MINUTE_MS;
}

function createFormat(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone,
      calendar: "gregory",
      numberingSystem: "latn",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
    });
  } catch {
    return undefined;
  }
}
