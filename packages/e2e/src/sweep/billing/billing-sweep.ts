import { findBug } from "../planted-bugs.ts";
import { BILLING_BUGS, type BillingBug } from "./bugs.ts";
import type { FindingKind } from "./fault-plan.ts";
import { type FaultReport, type FaultSweepReport, sweepFaults } from "./fault-sweep.ts";
import { type BillingHarness, startBillingHarness } from "./harness.ts";
import { type ScheduleReport, sweepSchedules } from "./schedule-sweep.ts";

/** What a sweep of the close is asked for. */
export interface BillingSweepOptions {
  seed: number;
  pairs: number;
  schedules: number;
  bug?: string;
  /** Hears of the first part while the second goes on. */
  onFaults?: (report: FaultSweepReport) => void;
}

/** What it found. */
export interface BillingSweepReport {
  faults: FaultSweepReport;
  schedules: ScheduleReport;
}

/** Runtimes at once: the sweep waits for D1 most of the time. */
const HARNESSES = 2;
const POINTS_MIN = 100;
/** Schedules after which a planted bug counts as not seen. */
const HUNTED_SCHEDULES = 200;

/** Faults at every call of a close, then pairs of them, then closes, webhooks and purges at once. */
export async function sweepBilling(sweep: BillingSweepOptions): Promise<BillingSweepReport> {
  const { seed, pairs, bug, onFaults } = sweep;
  const planted = bug === undefined ? undefined : findBug(BILLING_BUGS, bug);
  const harnesses = await Promise.all(Array.from({ length: HARNESSES }, () => startBillingHarness(planted)));
  try {
    await Promise.all(harnesses.map((harness) => harness.useFleet(seed)));
    const faults = await sweepFaults(harnesses, { seed, pairs, stride: 1 });
    onFaults?.(faults);
    return { faults, schedules: await sweepSchedules(harnesses, sweep) };
  } finally {
    await Promise.all(harnesses.map((harness) => harness.close()));
  }
}

/** Whether nothing was doubled, lost or wrong, and enough was tried to say so. */
export const isBilledOnce = (report: BillingSweepReport, { pairs, schedules }: BillingSweepOptions): boolean =>
  [report.faults.single, report.faults.crashPairs, report.faults.mixedPairs, report.schedules].every(isClean) &&
  report.faults.single.points >= POINTS_MIN &&
  report.faults.crashPairs.points >= pairs &&
  report.schedules.schedules >= schedules;

const isClean = ({ doubled, lost, wrong, failures }: Omit<FaultReport, "points" | "byMode">): boolean =>
  doubled === 0 && lost === 0 && wrong === 0 && failures.length === 0;

/** What a hunt saw first; undefined: nothing. */
export interface Hunt {
  tried: string;
  seen: string | undefined;
}

/** Sweeps with a planted bug until it does to the bill what it is known to do. */
export async function huntBillingBug(name: string, seed: number): Promise<Hunt> {
  const bug = findBug(BILLING_BUGS, name);
  const harness = await startBillingHarness(bug);
  try {
    await harness.useFleet(seed);
    const hunt = bug.sites.length > 0 ? huntByFaults : huntBySchedules;
    return await hunt(harness, bug, seed);
  } finally {
    await harness.close();
  }
}

async function huntByFaults(harness: BillingHarness, { sites, shows }: BillingBug, seed: number): Promise<Hunt> {
  const { single } = await sweepFaults([harness], { seed, sites, stride: 1, pairs: 0, until: shows });
  return { tried: `${single.points} fault points`, seen: findShown(single, shows) };
}

async function huntBySchedules(harness: BillingHarness, { shows }: BillingBug, seed: number): Promise<Hunt> {
  const report = await sweepSchedules([harness], { seed, schedules: HUNTED_SCHEDULES, until: shows });
  return { tried: `${report.schedules} schedules`, seen: findShown(report, shows) };
}

const findShown = ({ failures }: Pick<FaultReport, "failures">, shows: FindingKind): string | undefined =>
  failures.find((failure) => failure.includes(`${shows}: `));
