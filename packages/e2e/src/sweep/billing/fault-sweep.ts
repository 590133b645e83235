import { createRandom } from "../../bench/statistics.ts";
import type { BillingHarness } from "./harness.ts";
import {
  type CallSite,
  ENDS_AT,
  type Fault,
  type FindingKind,
  type FaultMode,
  GAPS_HOURS,
  MODES_AT,
  type Verdict,
} from "./fault-plan.ts";

/** What faults did to the close. */
export interface FaultReport extends Omit<Verdict, "findings"> {
  points: number;
  byMode: Record<string, number>;
  failures: string[];
}

/** What is tried of all that could be. */
export interface FaultSweepOptions {
  seed: number;
  /** Every how manieth single point. */
  stride: number;
  /** Pairs of crashes; as many besides as a fourth of them, whose second fault does not end the run. */
  pairs: number;
  /** Only calls of these. */
  sites?: readonly CallSite[];
  /** Ends as soon as something was found of this kind. */
  until?: FindingKind;
}

/** The calls of one close without faults, and what single faults and pairs did to it. */
export interface FaultSweepReport {
  sites: CallSite[];
  single: FaultReport;
  crashPairs: FaultReport;
  mixedPairs: FaultReport;
}

const FAILURES_MAX = 20;
const MIXED_SHARE = 0.25;

export const emptyReport = (): FaultReport => ({
  points: 0,
  byMode: {},
  doubled: 0,
  lost: 0,
  wrong: 0,
  rejected: 0,
  purged: 0,
  failures: [],
});

/** Lets each call of the close go wrong in each mode with each gap, then pairs of calls: of the close, and of the run that carries it on. */
export async function sweepFaults(
  harnesses: readonly BillingHarness[],
  options: FaultSweepOptions,
): Promise<FaultSweepReport> {
  const [first] = harnesses as [BillingHarness];
  const clean = await first.runPoint([]);
  const [sites = []] = clean.runs;
  const report: FaultSweepReport = {
    sites,
    single: emptyReport(),
    crashPairs: emptyReport(),
    mixedPairs: emptyReport(),
  };
  addOutcome(report.single, "no fault", clean);
  const random = createRandom(options.seed);
  const singles = listSingles(sites, options);
  const ended: { fault: Fault; resumed: CallSite[] }[] = [];
  await shareOut(
    harnesses,
    singles.filter((_, index) => index % options.stride === 0),
    async (harness, fault) => {
      if (options.until !== undefined && report.single[options.until] > 0) return;
      const outcome = await harness.runPoint([fault]);
      if (outcome.strikes === 0) return;
      addPoint(report.single, [fault], outcome);
      const [, resumed = []] = outcome.runs;
      if (ENDS_AT[sites[fault.call - 1] ?? "d1"].includes(fault.mode)) ended.push({ fault, resumed });
    },
  );
  const sweepPairs = async (into: FaultReport, count: number, modesAt: (site: CallSite) => readonly FaultMode[]) =>
    shareOut(harnesses, pickPairs(ended, { count, random, modesAt }), async (harness, pair) => {
      const outcome = await harness.runPoint(pair);
      if (outcome.strikes === pair.length) addPoint(into, pair, outcome);
    });
  await sweepPairs(report.crashPairs, options.pairs, (site) => ENDS_AT[site]);
  await sweepPairs(report.mixedPairs, Math.floor(options.pairs * MIXED_SHARE), (site) =>
    MODES_AT[site].filter((mode) => !ENDS_AT[site].includes(mode) && mode !== "not_found"),
  );
  return report;
}

/** Every call, mode and gap, in an order that the seed draws. */
function listSingles(sites: readonly CallSite[], { seed, sites: only }: FaultSweepOptions): Fault[] {
  const random = createRandom(seed);
  const faults = sites.flatMap((site, index) =>
    only?.includes(site) === false
      ? []
      : MODES_AT[site].flatMap((mode) => GAPS_HOURS.map((gapHours) => ({ call: index + 1, mode, gapHours }))),
  );
  return shuffle(faults, random);
}

/** Different pairs at random: a fault that ended the close, and one at a call of the run after it. */
function pickPairs(
  ended: readonly { fault: Fault; resumed: CallSite[] }[],
  draw: { count: number; random: () => number; modesAt: (site: CallSite) => readonly FaultMode[] },
): [Fault, Fault][] {
  const all = ended
    .toSorted((a, b) => a.fault.call - b.fault.call || (JSON.stringify(a.fault) < JSON.stringify(b.fault) ? -1 : 1))
    .flatMap(({ fault, resumed }) =>
      resumed.flatMap((site, index) =>
        draw
          .modesAt(site)
          .flatMap((mode) => GAPS_HOURS.map((gapHours) => [fault, { call: index + 1, mode, gapHours }] as const)),
      ),
    );
  return shuffle(all, draw.random)
    .slice(0, draw.count)
    .map(([one, two]) => [one, two]);
}

const shuffle = <T>(items: readonly T[], random: () => number): T[] =>
  items
    .map((item) => ({ item, rank: random() }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ item }) => item);

/** Every harness takes the next item as soon as it is free. */
export async function shareOut<T>(
  harnesses: readonly BillingHarness[],
  items: readonly T[],
  work: (harness: BillingHarness, item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items].toReversed();
  await Promise.all(
    harnesses.map(async (harness) => {
      for (let item = queue.pop(); item !== undefined; item = queue.pop()) await work(harness, item);
    }),
  );
}

function addPoint(report: FaultReport, faults: readonly Fault[], outcome: Verdict): void {
  const name = faults.map(({ mode }) => mode).join(" then ");
  report.points += 1;
  report.byMode[name] = (report.byMode[name] ?? 0) + 1;
  const where = faults.map(({ call, mode, gapHours }) => `${mode} at call ${call}, resumed after ${gapHours} h`);
  addOutcome(report, where.join("; then "), outcome);
}

/** Adds what one point or schedule found. */
export function addOutcome(report: Omit<FaultReport, "points" | "byMode">, where: string, outcome: Verdict): void {
  for (const kind of ["doubled", "lost", "wrong", "rejected", "purged"] as const) report[kind] += outcome[kind];
  if (outcome.findings.length === 0 || report.failures.length >= FAILURES_MAX) return;
  report.failures.push(`${where}: ${outcome.findings.join("; ")}`);
}
