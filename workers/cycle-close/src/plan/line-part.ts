import { type Cycle, cycleBounds, hourOf, hourStartMs, type PeriodBounds } from "@prego/core/period";
import type { QuantityMicros } from "@prego/core/quantity";
import type { LineSnapshot } from "./snapshot.ts";

/** The part of its cycle that a line is about; undefined when the cycle has one part only. */
export type LinePart = LineSnapshot["part"];

const HOUR_MS = 60 * 60 * 1_000;

/** The parts of a cycle that begin at these hours, as lines name them. */
export function nameParts(cycle: Cycle, starts: readonly string[]): LinePart[] {
  if (starts.length <= 1) return [undefined];
  const end = hourOf(cycleBounds(cycle).endMs);
  return starts.map((from, index) => ({ from, to: starts[index + 1] ?? end, starts: [...starts] }));
}

/** First hours of stretches of time. */
export const startHours = (parts: readonly Pick<PeriodBounds, "startMs">[]): string[] =>
  parts.map(({ startMs }) => hourOf(startMs));

/** What tells the lines of one meter and cycle apart: the part's first hour, or nothing. */
export const partKey = (part: LinePart): string => part?.from ?? "";

/** First instant of a part and of what follows it. */
export function partBounds(cycle: Cycle, part: LinePart): PeriodBounds {
  return part === undefined ? cycleBounds(cycle) : { startMs: hourStartMs(part.from), endMs: hourStartMs(part.to) };
}

/** How many parts of the cycle follow this one. */
export const partsAfter = (part: LinePart): number =>
  part === undefined ? 0 : part.starts.length - 1 - part.starts.indexOf(part.from);

/**
 * A part's share of what belongs to a whole cycle, by its hours. Exact to the micro-unit: the shares of one whole over all
 * parts add up to it, because each is the difference of what has accrued by its end and by its start.
 */
export function prorate(whole: QuantityMicros, cycle: Cycle, part: LinePart): QuantityMicros {
  const { startMs, endMs } = cycleBounds(cycle);
  const bounds = partBounds(cycle, part);
  const hours = BigInt((endMs - startMs) / HOUR_MS);
  const accruedBy = (atMs: number): bigint => (whole * BigInt((atMs - startMs) / HOUR_MS)) / hours;
  return accruedBy(bounds.endMs) - accruedBy(bounds.startMs);
}
