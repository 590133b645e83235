import type { FleetPlan, FleetTenant } from "./fleet.ts";

/** A stretch of whole hours of a cycle under one plan version, as the fleet's own terms say. */
export interface FleetPart {
  /** First hour, and the first one after it. */
  from: string;
  to: string;
  plan: FleetPlan;
  /** Hours from the start of the cycle to the start and to the end of the part, and of the whole cycle. */
  startHours: bigint;
  endHours: bigint;
  cycleHours: bigint;
}

const HOUR_MS = 60 * 60 * 1_000;
/** `2026-11-05T07`. */
const HOUR_LENGTH = 13;

const hourAt = (ms: number): string => new Date(ms).toISOString().slice(0, HOUR_LENGTH);
const startOf = (hour: string): number => Date.parse(`${hour}:00:00Z`);

/** First hour of a cycle, and the first one after it. */
export function cycleHours(cycle: string): { from: string; to: string } {
  const from = `${cycle}-01T00`;
  const next = new Date(startOf(from));
  next.setUTCMonth(next.getUTCMonth() + 1);
  return { from, to: hourAt(next.getTime()) };
}

/** The parts of a tenant's cycle. The hour of a change belongs to what is new. */
export function partsOf({ terms }: FleetTenant, cycle: string): FleetPart[] {
  const bounds = cycleHours(cycle);
  const firstHours = terms.map(({ from }) => from.slice(0, HOUR_LENGTH));
  const sinceStart = (hour: string): bigint => BigInt((startOf(hour) - startOf(bounds.from)) / HOUR_MS);
  return terms.flatMap(({ plan }, index) => {
    const begins = index === 0 ? "" : (firstHours[index] ?? "");
    const ends = firstHours[index + 1] ?? bounds.to;
    const from = begins > bounds.from ? begins : bounds.from;
    const to = ends < bounds.to ? ends : bounds.to;
    if (from >= to) return [];
    const hours = { startHours: sinceStart(from), endHours: sinceStart(to), cycleHours: sinceStart(bounds.to) };
    return [{ from, to, plan, ...hours }];
  });
}

/** The plan version that a tenant has in the end; its subscription is to that. */
export function lastPlanOf({ terms }: FleetTenant): FleetPlan {
  const last = terms.at(-1);
  if (last === undefined) throw new Error("a tenant without a plan");
  return last.plan;
}

/** The last hour before another. */
export const hourBefore = (hour: string): string => hourAt(startOf(hour) - HOUR_MS);

/** Whether an hour lies in a part. */
export const isWithin = ({ from, to }: FleetPart, hour: string): boolean => from <= hour && hour < to;
