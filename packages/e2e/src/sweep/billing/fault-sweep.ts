import { createRandom } from "../../bench/statistics.ts";
import type { Stage } from "./kept-stores.ts";
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

/** Which single faults are tried. */
export interface FaultSweepOptions {
  seed: number;
  stage: Stage;
  /** Every how manieth point of all. */
  stride: number;
  /** Only calls of these. */
  sites?: readonly CallSite[];
  /** Ends as soon as something was found of this kind. */
  until?: FindingKind;
}

/** A close that a fault ended, and the calls of the run that carried it on. */
interface EndedClose {
  fault: Fault;
  resumed: CallSite[];
}

/** The calls of one close without faults, what single faults did to it, and where pairs may begin. */
export interface FaultSweepReport extends FaultReport {
  sites: CallSite[];
  ended: EndedClose[];
}

const FAILURES_MAX = 20;
const COUNTED = ["doubled", "lost", "wrong", "rejected", "purged", "emptyInvoices"] as const;

export const emptyReport = (): FaultReport => ({
  points: 0,
  byMode: {},
  doubled: 0,
  lost: 0,
  wrong: 0,
  rejected: 0,
  purged: 0,
  emptyInvoices: 0,
  failures: [],
});

/** Lets each call of the close go wrong in each mode, and carries on after each gap. */
export async function sweepFaults(
  harnesses: readonly BillingHarness[],
  options: FaultSweepOptions,
): Promise<FaultSweepReport> {
  const [first] = harnesses as [BillingHarness];
  const clean = await first.runPoint(options.stage, []);
  const [sites = []] = clean.runs;
  const report: FaultSweepReport = { ...emptyReport(), sites, ended: [] };
  addOutcome(report, "no fault", clean);
  const faults = listFaults(sites, options).filter((_, index) => index % options.stride === 0);
  await shareOut(harnesses, faults, async (harness, fault) => {
    if (options.until !== undefined && report[options.until] > 0) return;
    const outcome = await harness.runPoint(options.stage, [fault]);
    if (outcome.strikes === 0) return;
    addPoint(report, [fault], outcome);
    const [, resumed = []] = outcome.runs;
    if (ENDS_AT[sites[fault.call - 1] ?? "d1"].includes(fault.mode)) report.ended.push({ fault, resumed });
  });
  return report;
}

/** Which pairs are tried: how many, and what goes wrong with the run that carries on. */
export interface PairSweepOptions {
  seed: number;
  stage: Stage;
  pairs: number;
  second: "crash" | "fault";
}

/** Lets a close end at a call, and the run that carries it on end or go wrong at any call of its own. */
export async function sweepPairs(
  harnesses: readonly BillingHarness[],
  ended: readonly EndedClose[],
  options: PairSweepOptions,
): Promise<FaultReport> {
  const report = emptyReport();
  await shareOut(harnesses, pickPairs(ended, options), async (harness, pair) => {
    const outcome = await harness.runPoint(options.stage, pair);
    if (outcome.strikes === pair.length) addPoint(report, pair, outcome);
  });
  return report;
}

/** Every call, mode and gap, in an order that the seed draws. */
function listFaults(sites: readonly CallSite[], { seed, sites: only }: FaultSweepOptions): Fault[] {
  const random = createRandom(seed);
  const faults = sites.flatMap((site, index) =>
    only?.includes(site) === false
      ? []
      : MODES_AT[site].flatMap((mode) => GAPS_HOURS.map((gapHours) => ({ call: index + 1, mode, gapHours }))),
  );
  return shuffle(faults, random);
}

/** Different pairs, as the seed draws them. */
function pickPairs(ended: readonly EndedClose[], { seed, pairs, second }: PairSweepOptions): [Fault, Fault][] {
  const isEnd = (site: CallSite, mode: FaultMode): boolean => ENDS_AT[site].includes(mode);
  // A 404 to a repeat would not be Stripe's: a repeat is answered from its memory.
  const modesAt = (site: CallSite): readonly FaultMode[] =>
    second === "crash"
      ? ENDS_AT[site]
      : MODES_AT[site].filter((mode) => !isEnd(site, mode) && !(site === "stripe" && mode === "not_found"));
  const all = ended
    .toSorted((a, b) => a.fault.call - b.fault.call || (JSON.stringify(a.fault) < JSON.stringify(b.fault) ? -1 : 1))
    .flatMap(({ fault, resumed }) =>
      resumed.flatMap((site, index) =>
        modesAt(site).flatMap((mode) =>
          GAPS_HOURS.map((gapHours): [Fault, Fault] => [fault, { call: index + 1, mode, gapHours }]),
        ),
      ),
    );
  return shuffle(all, createRandom(seed)).slice(0, pairs);
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
  for (const kind of COUNTED) report[kind] += outcome[kind];
  if (outcome.findings.length === 0 || report.failures.length >= FAILURES_MAX) return;
  report.failures.push(`${where}: ${outcome.findings.join("; ")}`);
}
