import { type Cycle, cycleBounds, type PeriodBounds } from "@prego/core/period";

/** That a tenant had a plan from an instant on. */
export interface PlanChange {
  planId: string;
  atMs: number;
}

/** From when a version of a plan applies. */
export interface VersionStart {
  version: number;
  effectiveFromMs: number;
}

/** What decides which plan version is in force when. */
export interface PlanHistory {
  /** At least one, by time and then by recording; the first covers all time before it too. */
  changes: readonly PlanChange[];
  /** Versions of every plan that `changes` names, at least one each; the oldest covers all time before it too. */
  versions: ReadonlyMap<string, readonly VersionStart[]>;
}

/** A stretch of whole hours of a cycle with one plan version. */
export interface CyclePart extends PeriodBounds {
  planId: string;
  version: number;
}

/** More parts than this are made again at whole days: a cycle has at most 31 of those. */
const PARTS_MAX = 31;
const HOUR_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Splits a cycle where another plan version comes into force. The hour in which that happens belongs to the new one, because
 * hours are the finest that usage is known by; of several changes in one hour the last counts.
 */
export function splitCycle(cycle: Cycle, history: PlanHistory): CyclePart[] {
  const parts = splitAt(cycle, history, HOUR_MS);
  return parts.length <= PARTS_MAX ? parts : splitAt(cycle, history, DAY_MS);
}

function splitAt(cycle: Cycle, history: PlanHistory, grainMs: number): CyclePart[] {
  const { startMs, endMs } = cycleBounds(cycle);
  const instants = [
    ...history.changes.map(({ atMs }) => atMs),
    ...[...history.versions.values()].flat().map(({ effectiveFromMs }) => effectiveFromMs),
  ];
  const inside = instants.map((atMs) => floorTo(atMs, grainMs)).filter((atMs) => atMs > startMs && atMs < endMs);
  const parts: CyclePart[] = [];
  for (const atMs of [startMs, ...new Set(inside.toSorted((a, b) => a - b))]) {
    const inForce = findInForce(history, atMs, grainMs);
    const last = parts.at(-1);
    if (last?.planId === inForce.planId && last.version === inForce.version) continue;
    if (last !== undefined) last.endMs = atMs;
    parts.push({ startMs: atMs, endMs, ...inForce });
  }
  return parts;
}

/** The plan version in force in the hour, or day, that begins at an instant. */
export function findInForce(
  { changes, versions }: PlanHistory,
  atMs: number,
  grainMs = HOUR_MS,
): Pick<CyclePart, "planId" | "version"> {
  const planId = (changes.findLast((change) => floorTo(change.atMs, grainMs) <= atMs) ?? changes[0])?.planId ?? "";
  const starts = (versions.get(planId) ?? []).toSorted((a, b) => a.version - b.version);
  const newest = starts.findLast(({ effectiveFromMs }) => floorTo(effectiveFromMs, grainMs) <= atMs) ?? starts[0];
  if (newest === undefined) throw new RangeError("a plan without versions");
  return { planId, version: newest.version };
}

const floorTo = (atMs: number, grainMs: number): number => atMs - (atMs % grainMs);
