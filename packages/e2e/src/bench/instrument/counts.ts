/** What a worker did that is billed, and what only shows how much work it was. */
export interface Counts {
  /** Calls of objects and alarms. */
  objectRequests: number;
  objectRowsRead: number;
  /** Each setAlarm included. */
  objectRowsWritten: number;
  /** Wall time during which an object had a call or an alarm under way. */
  objectBusyMs: number;
  d1Statements: number;
  d1RowsRead: number;
  d1RowsWritten: number;
  r2ClassA: number;
  r2ClassB: number;
  /** Deletes. */
  r2Free: number;
}

export const createCounts = (): Counts => ({
  objectRequests: 0,
  objectRowsRead: 0,
  objectRowsWritten: 0,
  objectBusyMs: 0,
  d1Statements: 0,
  d1RowsRead: 0,
  d1RowsWritten: 0,
  r2ClassA: 0,
  r2ClassB: 0,
  r2Free: 0,
});

/** Sum of what several workers did. */
export function addCounts(...parts: readonly Counts[]): Counts {
  const sum = createCounts();
  for (const part of parts) for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] += part[name];
  return sum;
}

/** What was done between two readings. */
export function subtractCounts(after: Counts, before: Counts): Counts {
  const difference = { ...after };
  for (const name of Object.keys(before) as (keyof Counts)[]) difference[name] -= before[name];
  return difference;
}

/** Path on which a measuring worker tells its counts. */
export const COUNTS_PATH = "/bench/counts";
