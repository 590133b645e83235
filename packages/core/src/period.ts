/** A billing cycle: one UTC calendar month, `YYYY-MM`, year 0000 to 9999. */
export type Cycle = string;

/** A half-open stretch of time `[startMs, endMs)` in epoch milliseconds. */
export interface PeriodBounds {
  startMs: number;
  endMs: number;
}

const CYCLE_PATTERN = /^([0-9]{4})-(0[1-9]|1[0-2])$/;
const HOUR_PATTERN = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}$/;
const INSTANT_PATTERN =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))$/;

/** Length of the Gregorian calendar's 400 years. */
const GREGORIAN_CYCLE_MS = 146_097 * 86_400_000;
const MINUTE_MS = 60_000;
/** 0000-01-01T00:00:00.000Z and the last millisecond of year 9999: what four year digits can write. */
const INSTANT_MS_MIN = -62_167_219_200_000;
const INSTANT_MS_MAX = 253_402_300_799_999;

/** Reads `YYYY-MM`; undefined for anything that is not a calendar month so written. */
export function parseCycle(text: string): Cycle | undefined {
  return CYCLE_PATTERN.test(text) ? text : undefined;
}

/**
 * The cycle in which an instant lies.
 * @throws RangeError for anything but whole epoch milliseconds within the years 0000 to 9999.
 */
export function cycleOf(epochMs: number): Cycle {
  return formatInstant(epochMs).slice(0, 7);
}

/** The cycle in which a UTC hour such as `2026-11-21T02` lies. */
export const cycleOfHour = (hour: string): Cycle => hour.slice(0, 7);

/**
 * First instant of the cycle and of the one after it, in UTC.
 * @throws RangeError for a text that `parseCycle` refuses.
 */
export function cycleBounds(cycle: Cycle): PeriodBounds {
  const { year, month } = readCycle(cycle);
  return { startMs: utcMonthStartMs(year, month), endMs: utcMonthStartMs(year, month + 1) };
}

/**
 * The cycle that begins where this one ends.
 * @throws RangeError for a text that `parseCycle` refuses and after 9999-12.
 */
export function nextCycle(cycle: Cycle): Cycle {
  return cycleOf(cycleBounds(cycle).endMs);
}

/**
 * The cycle that ends where this one begins.
 * @throws RangeError for a text that `parseCycle` refuses and before 0000-01.
 */
export function previousCycle(cycle: Cycle): Cycle {
  return cycleOf(cycleBounds(cycle).startMs - 1);
}

/**
 * The UTC hour of an instant, such as `2026-11-21T02`; sorts by time as text.
 * @throws RangeError for anything but whole epoch milliseconds within the years 0000 to 9999.
 */
export function hourOf(epochMs: number): string {
  return formatInstant(epochMs).slice(0, 13);
}

/**
 * First instant of an hour as `hourOf` writes it, in epoch milliseconds.
 * @throws RangeError for a text that is not such an hour.
 */
export function hourStartMs(hour: string): number {
  const startMs = HOUR_PATTERN.test(hour) ? parseInstant(`${hour}:00:00Z`) : undefined;
  if (startMs === undefined) throw new RangeError("not an hour of the form YYYY-MM-DDTHH");
  return startMs;
}

/**
 * The UTC day of an instant, such as `2026-11-21`.
 * @throws RangeError for anything but whole epoch milliseconds within the years 0000 to 9999.
 */
export function dayOf(epochMs: number): string {
  return formatInstant(epochMs).slice(0, 10);
}

/**
 * Writes an instant as `2026-11-21T02:03:04.005Z`; sorts by time as text.
 * @throws RangeError for anything but whole epoch milliseconds within the years 0000 to 9999.
 */
export function formatInstant(epochMs: number): string {
  if (!Number.isInteger(epochMs) || !isWritable(epochMs)) {
    throw new RangeError("instant outside of the years 0000 to 9999");
  }
  return new Date(epochMs).toISOString();
}

/**
 * Reads an RFC 3339 instant strictly: `T` and `Z` in capitals, zone required, any offset up to 23:59, seconds up to 59
 * (no leap second), a day that exists.
 * @returns epoch milliseconds, a fraction of 1 to 9 digits cut to three; undefined for anything else, and for an offset
 * that moves the instant out of the years 0000 to 9999.
 */
export function parseInstant(text: string): number | undefined {
  const match = INSTANT_PATTERN.exec(text);
  if (match === null) return undefined;
  const read = (group: number): number => Number(match[group] ?? 0);
  const [year, month, day] = [read(1), read(2), read(3)];
  const [hour, minute, second] = [read(4), read(5), read(6)];
  const [offsetHours, offsetMinutes] = [read(9), read(10)];
  if (month < 1 || month > 12 || day < 1 || day > countDaysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return undefined;

  const ms = Number((match[7] ?? "").slice(0, 3).padEnd(3, "0"));
  const minutesLocal = ((day - 1) * 24 + hour) * 60 + minute;
  const localMs = utcMonthStartMs(year, month) + minutesLocal * MINUTE_MS + second * 1_000 + ms;
  const offsetMs = (offsetHours * 60 + offsetMinutes) * MINUTE_MS;
  const epochMs = match[8] === "-" ? localMs + offsetMs : localMs - offsetMs;
  return isWritable(epochMs) ? epochMs : undefined;
}

function isWritable(epochMs: number): boolean {
  return epochMs >= INSTANT_MS_MIN && epochMs <= INSTANT_MS_MAX;
}

function readCycle(cycle: Cycle): { year: number; month: number } {
  const match = CYCLE_PATTERN.exec(cycle);
  if (match === null) throw new RangeError("not a cycle of the form YYYY-MM");
  return { year: Number(match[1]), month: Number(match[2]) };
}

/** `Date.UTC` takes the years 0 to 99 for 1900 to 1999, so the same month 400 years later is asked for. */
function utcMonthStartMs(year: number, month: number): number {
  return Date.UTC(year + 400, month - 1) - GREGORIAN_CYCLE_MS;
}

function countDaysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
