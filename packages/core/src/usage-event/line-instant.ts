import { formatInstant, parseInstant } from "../period.ts";

const MINUTE_AT = 14;
const SECOND_AT = 17;
const MILLISECOND_AT = 20;

/**
 * A reader of canonical instants (`2026-11-21T02:16:33.123Z`, as `formatInstant` writes them) that remembers the last
 * hour it met, since the lines of one object share it: reading a calendar date costs more than the rest of a line.
 * @returns epoch milliseconds, or undefined for an hour that does not exist; minutes and seconds the caller has checked.
 */
export function createInstantReader(): (text: string) => number | undefined {
  let lastHour = "";
  let lastHourMs = 0;
  return (text) => {
    if (!text.startsWith(lastHour) || lastHour === "") {
      const hour = text.slice(0, MINUTE_AT - 1);
      const hourMs = parseInstant(`${hour}:00:00Z`);
      if (hourMs === undefined) return undefined;
      lastHour = hour;
      lastHourMs = hourMs;
    }
    const minute = digitAt(text, MINUTE_AT) * 10 + digitAt(text, MINUTE_AT + 1);
    const second = digitAt(text, SECOND_AT) * 10 + digitAt(text, SECOND_AT + 1);
    const hundreds = digitAt(text, MILLISECOND_AT) * 100;
    const ms = hundreds + digitAt(text, MILLISECOND_AT + 1) * 10 + digitAt(text, MILLISECOND_AT + 2);
    return lastHourMs + (minute * 60 + second) * 1_000 + ms;
  };
}

function digitAt(text: string, index: number): number {
  return text.charCodeAt(index) - 0x30;
}

/**
 * `formatInstant` that remembers its last answer: the lines of one request share their time of arrival.
 * @throws RangeError as `formatInstant` does.
 */
export function createInstantWriter(): (epochMs: number) => string {
  let lastMs = NaN;
  let lastText = "";
  return (epochMs) => {
    if (epochMs !== lastMs) {
      lastText = formatInstant(epochMs);
      lastMs = epochMs;
    }
    return lastText;
  };
}
