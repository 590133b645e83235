import { findBug } from "../planted-bugs.ts";
import { BILLING_BUGS, type BillingBug } from "./bugs.ts";
import type { FindingKind } from "./fault-plan.ts";
import { type FaultReport, type FaultSweepReport, sweepFaults, sweepPairs } from "./fault-sweep.ts";
import type { Stage } from "./kept-stores.ts";
import { type BillingHarness, startBillingHarness } from "./harness.ts";
import { type ScheduleReport, sweepSchedules } from "./schedule-sweep.ts";

/** What a sweep of the close is asked for. */
export interface BillingSweepOptions {
  seed: number;
  /** Pairs of crashes in a close. Besides, a fourth of that with a second fault that does not end the run; a fourth of all for refused charges. */
  pairs: number;
  schedules: number;
  bug?: string;
}

/** Its parts, each told as soon as it is done. */
export type BillingPart =
  | { part: "faults"; stage: Stage; report: FaultSweepReport }
  | { part: "pairs of crashes" | "pairs of a crash and another fault"; stage: Stage; report: FaultReport }
  | { part: "schedules"; report: ScheduleReport };

/** Runtimes at once: the sweep waits for D1 most of the time. */
const HARNESSES = 2;
const MIXED_SHARE = 0.25;
/** How many of the pairs are tried at a stage. */
const PAIR_SHARES: Readonly<Record<Stage, number>> = { due: 1, refused: 0.25 };
const POINTS_MIN = 100;
/** Schedules after which a planted bug counts as not seen. */
const HUNTED_SCHEDULES = 200;

/**
 * Faults at every call of a close and of charges sent again, then pairs of them, then closes, webhooks, an operator and purges at once.
 * Returns whether nothing was doubled, lost or wrong, and enough was tried to say so.
 */
export async function sweepBilling(sweep: BillingSweepOptions, onPart: (part: BillingPart) => void): Promise<boolean> {
  const { seed, bug } = sweep;
  const planted = bug === undefined ? undefined : findBug(BILLING_BUGS, bug);
  const harnesses = await Promise.all(Array.from({ length: HARNESSES }, () => startBillingHarness(planted)));
  try {
    await Promise.all(harnesses.map((harness) => harness.useFleet(seed)));
    let isRight = true;
    for (const stage of ["due", "refused"] as const) {
      isRight = (await sweepStage(harnesses, stage, { sweep, onPart })) && isRight;
    }
    const schedules = await sweepSchedules(harnesses, sweep);
    onPart({ part: "schedules", report: schedules });
    return isRight && isClean(schedules) && schedules.schedules >= sweep.schedules;
  } finally {
    await Promise.all(harnesses.map((harness) => harness.close()));
  }
}

async function sweepStage(
  harnesses: readonly BillingHarness[],
  stage: Stage,
  { sweep, onPart }: { sweep: BillingSweepOptions; onPart: (part: BillingPart) => void },
): Promise<boolean> {
  const { seed } = sweep;
  const pairs = Math.floor(sweep.pairs * PAIR_SHARES[stage]);
  const faults = await sweepFaults(harnesses, { seed, stage, stride: 1 });
  onPart({ part: "faults", stage, report: faults });
  const crashes = await sweepPairs(harnesses, faults.ended, { seed, stage, pairs, second: "crash" });
  onPart({ part: "pairs of crashes", stage, report: crashes });
  const mixedPairs = Math.floor(pairs * MIXED_SHARE);
  const mixed = await sweepPairs(harnesses, faults.ended, { seed, stage, pairs: mixedPairs, second: "fault" });
  onPart({ part: "pairs of a crash and another fault", stage, report: mixed });
  return faults.points >= POINTS_MIN && crashes.points >= pairs && [faults, crashes, mixed].every(isClean);
}

const isClean = ({ doubled, lost, wrong }: Pick<FaultReport, FindingKind>): boolean => doubled + lost + wrong === 0;

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

async function huntByFaults(harness: BillingHarness, { sites, stage, shows }: BillingBug, seed: number): Promise<Hunt> {
  const report = await sweepFaults([harness], { seed, stage, sites, stride: 1, until: shows });
  return { tried: `${report.points} fault points`, seen: findShown(report, shows) };
}

async function huntBySchedules(harness: BillingHarness, { shows }: BillingBug, seed: number): Promise<Hunt> {
  const report = await sweepSchedules([harness], { seed, schedules: HUNTED_SCHEDULES, until: shows });
  return { tried: `${report.schedules} schedules`, seen: findShown(report, shows) };
}

const findShown = ({ failures }: Pick<FaultReport, "failures">, shows: FindingKind): string | undefined =>
  failures.find((failure) => failure.includes(`${shows}: `));
