import { hourStartMs } from "@prego/core/period";
import { parseUsageLine, USAGE_LINE_CHARS_MAX } from "@prego/core/usage-event";
import { OBJECT_METERS_MAX } from "../limits.ts";
import { addEvent, type MeterSum, startSum } from "./meter-sum.ts";
import { createValueReader, type ObjectValues, type UniqueMeters } from "./value-reader.ts";

const HOUR_MS = 3_600_000;

/** What an object's lines must all say. */
export interface ExpectedLines {
  tenantId: string;
  /** UTC hour, `2026-11-21T02`. */
  hour: string;
  /** Meters of which distinct values are counted. */
  uniqueMeters: UniqueMeters;
}

/** What the lines of one object came to. */
export interface LineSums {
  lines: number;
  byMeter: Map<string, MeterSum>;
  values: ObjectValues;
}

/** Takes the text of an object piece by piece; a returned text is the reason why the object is not usable. */
export interface LineReader {
  push: (text: string) => string | undefined;
  finish: () => string | undefined;
  readonly sums: LineSums;
}

/** Sums an object's lines as they come; it never holds more than a piece of text, an unfinished line, the sums and the digests. */
export function createLineReader({ tenantId, hour, uniqueMeters }: ExpectedLines): LineReader {
  const startMs = hourStartMs(hour);
  const byMeter = new Map<string, MeterSum>();
  const { take, values } = createValueReader(tenantId, uniqueMeters);
  const sums: LineSums = { lines: 0, byMeter, values };
  let unfinished = "";

  const addLine = (text: string): string | undefined => {
    sums.lines += 1;
    const result = parseUsageLine(text);
    if (!result.ok) return `line ${sums.lines}: ${result.reason}`;
    const { line } = result;
    if (line.tenantId !== tenantId) return `line ${sums.lines}: foreign tenant`;
    const offsetMs = line.timestampMs - startMs;
    if (offsetMs < 0 || offsetMs >= HOUR_MS) return `line ${sums.lines}: foreign hour`;
    const tooMany = take(line);
    if (tooMany !== undefined) return tooMany;
    const sum = byMeter.get(line.meterKey);
    if (sum !== undefined) {
      addEvent(sum, line.qtyMicros, line.timestampMs);
      return undefined;
    }
    if (byMeter.size >= OBJECT_METERS_MAX) return "too many meters";
    byMeter.set(line.meterKey, startSum(line.qtyMicros, line.timestampMs));
    return undefined;
  };

  const push = (text: string): string | undefined => {
    let start = 0;
    let end = text.indexOf("\n");
    while (end !== -1) {
      const line = unfinished + text.slice(start, end);
      unfinished = "";
      const fault = addLine(line);
      if (fault !== undefined) return fault;
      start = end + 1;
      end = text.indexOf("\n", start);
    }
    unfinished += text.slice(start);
    return unfinished.length > USAGE_LINE_CHARS_MAX ? `line ${sums.lines + 1}: line too long` : undefined;
  };

  const finish = (): string | undefined => (unfinished === "" ? undefined : addLine(unfinished));

  return { push, finish, sums };
}
