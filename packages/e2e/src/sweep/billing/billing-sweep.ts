import { findBug } from "../planted-bugs.ts";
import { BILLING_BUGS } from "./bugs.ts";
import { type FaultReport, type FaultSweepOptions, type FaultSweepReport, sweepFaults } from "./fault-sweep.ts";
import { type BillingHarness, startBillingHarness } from "./harness.ts";

/** What a sweep of the close is asked for. */
export interface BillingSweepOptions {
  seed: number;
  pairs: number;
  bug?: string;
  /** Hears of the first part while the second goes on. */
  onFaults?: (report: FaultSweepReport) => void;
}

/** What it found. */
export interface BillingSweepReport {
  faults: FaultSweepReport;
}

/** Runtimes at once: the sweep waits for D1 most of the time. */
const HARNESSES = 2;
const POINTS_MIN = 100;

/** Faults at every call of a close, then pairs of them. */
export async function sweepBilling({ seed, pairs, bug, onFaults }: BillingSweepOptions): Promise<BillingSweepReport> {
  const planted = bug === undefined ? undefined : findBug(BILLING_BUGS, bug);
  const harnesses = await Promise.all(Array.from({ length: HARNESSES }, () => startBillingHarness(planted)));
  try {
    await Promise.all(harnesses.map((harness) => harness.useFleet(seed)));
    const faults = await sweepFaults(harnesses, { seed, pairs, stride: 1 });
    onFaults?.(faults);
    return { faults };
  } finally {
    await close(harnesses);
  }
}

/** Whether nothing was doubled, lost or wrong, and enough was tried to say so. */
export const isBilledOnce = ({ faults }: BillingSweepReport, { pairs }: BillingSweepOptions): boolean =>
  [faults.single, faults.crashPairs, faults.mixedPairs].every((report) => isClean(report)) &&
  faults.single.points >= POINTS_MIN &&
  faults.crashPairs.points >= pairs;

const isClean = ({ doubled, lost, wrong, failures }: FaultReport): boolean =>
  doubled === 0 && lost === 0 && wrong === 0 && failures.length === 0;

/** Sweeps with a planted bug until it shows; a report without failures means that it was not seen. */
export async function huntBillingBug(name: string, seed: number): Promise<FaultReport> {
  const bug = findBug(BILLING_BUGS, name);
  const harness = await startBillingHarness(bug);
  const options: FaultSweepOptions = { seed, stride: 1, pairs: 0, failFast: true };
  try {
    await harness.useFleet(seed);
    return (await sweepFaults([harness], { ...options, sites: bug.sites })).single;
  } finally {
    await harness.close();
  }
}

const close = (harnesses: readonly BillingHarness[]): Promise<unknown> =>
  Promise.all(harnesses.map((harness) => harness.close()));
