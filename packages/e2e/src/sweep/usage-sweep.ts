import { type CallSweepOptions, type CallSweepReport, sweepCalls } from "./call-sweep.ts";
import { type Harness, startHarness } from "./harness.ts";
import { findBug } from "./planted-bugs.ts";
import { USAGE_BUGS } from "./usage-bugs.ts";
import { sweepVolume, type VolumeSweepReport } from "./volume-sweep.ts";

/** What a sweep of the usage path is asked for. */
export interface UsageSweepOptions {
  seed: number;
  events: number;
  bug?: string;
  allGaps?: boolean;
  /** Hears of the first part while the second goes on. */
  onCalls?: (report: CallSweepReport) => void;
}

/** What it found. */
export interface UsageSweepReport {
  calls: CallSweepReport;
  volume: VolumeSweepReport;
}

const POINTS_MIN = 200;
const FAULT_RATE = 0.01;
const HALF_HOUR_MS = 30 * 60_000;
const DAY_MS = 24 * 60 * 60_000;
/** Runtimes at once: the sweep waits for D1 most of the time. */
const HARNESSES = 2;

/** The clock starts half an hour into the current UTC day: R2 stamps objects with the real one, which must not be far. */
export const startOfSweep = (nowMs: number): number => Math.floor(nowMs / DAY_MS) * DAY_MS + HALF_HOUR_MS;

/** Both sweeps: every call of a small scenario, then many events with faults at random. */
export async function sweepUsage(sweep: UsageSweepOptions): Promise<UsageSweepReport> {
  const { seed, events, bug, allGaps = false, onCalls } = sweep;
  const startMs = startOfSweep(Date.now());
  const planted = bug === undefined ? undefined : findBug(USAGE_BUGS, bug);
  const harnesses = await Promise.all(Array.from({ length: HARNESSES }, () => startHarness(planted)));
  try {
    const options = { seed, startMs, allGaps, stride: HARNESSES };
    const parts = await Promise.all(harnesses.map((harness, offset) => sweepCalls(harness, { ...options, offset })));
    const calls = joinReports(parts);
    onCalls?.(calls);
    const [harness] = harnesses as [Harness];
    return { calls, volume: await sweepVolume(harness, { seed, startMs, events, faultRate: FAULT_RATE }) };
  } finally {
    await Promise.all(harnesses.map((harness) => harness.close()));
  }
}

/** Whether nothing was lost or doubled, and enough was tried to say so. */
export const isExact = ({ calls, volume }: UsageSweepReport): boolean =>
  calls.failures.length === 0 &&
  calls.points >= POINTS_MIN &&
  volume.differences.length === 0 &&
  volume.strikes > 0 &&
  volume.acknowledged === volume.events;

/** Sweeps with a planted bug until it shows; a report without failures means that it was not seen. */
export async function huntBug(name: string, seed: number): Promise<CallSweepReport> {
  const bug = findBug(USAGE_BUGS, name);
  const harness = await startHarness(bug);
  const options: CallSweepOptions = { seed, startMs: startOfSweep(Date.now()), stride: 1, failFast: true };
  try {
    return await sweepCalls(harness, { ...options, sites: bug.sites });
  } finally {
    await harness.close();
  }
}

const joinReports = (parts: readonly CallSweepReport[]): CallSweepReport => {
  const sum: CallSweepReport = { calls: 0, points: 0, byMode: {}, lost: 0, doubled: 0, failures: [] };
  for (const part of parts) {
    sum.calls = Math.max(sum.calls, part.calls);
    sum.points += part.points;
    sum.lost += part.lost;
    sum.doubled += part.doubled;
    sum.failures.push(...part.failures);
    for (const [mode, points] of Object.entries(part.byMode)) sum.byMode[mode] = (sum.byMode[mode] ?? 0) + points;
  }
  return sum;
};
