import { createRandom } from "../bench/statistics.ts";
import { Client, formRequest, type UsageRequest } from "./client.ts";
import { createEventSource, type SentEvent } from "./event-source.ts";
import {
  type CallSite,
  canStrike,
  type FaultPlan,
  type FaultReport,
  RESUME_GAPS_HOURS,
  SWEEP_MODES,
  type SweepMode,
} from "./fault-plan.ts";
import type { Harness } from "./harness.ts";
import { Ledger } from "./ledger.ts";
import { advance, settle, type SweepClock } from "./settle.ts";

/** Which part of all fault points is tried. */
export interface CallSweepOptions {
  seed: number;
  startMs: number;
  /** Every how manieth point of all, and from which on. */
  stride: number;
  offset?: number;
  /** Only calls of these. */
  sites?: readonly CallSite[];
  /** Tries each point with every gap instead of one, in turn. */
  allGaps?: boolean;
  /** Ends at the first fault point that loses or doubles. */
  failFast?: boolean;
}

/** What a sweep over the calls found. */
export interface CallSweepReport {
  /** Calls of the scenario without faults. */
  calls: number;
  /** Faults that struck, each with each gap. */
  points: number;
  byMode: Record<string, number>;
  lost: number;
  doubled: number;
  failures: string[];
}

const FAILURES_MAX = 10;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** After a longer gap a sender's retry would be refused as too old, so it comes before. */
const RETRY_GAP_HOURS_MAX = 34 * 24;

/** Lets each call of a small scenario go wrong in each mode, goes on after each gap, and compares. */
export async function sweepCalls(harness: Harness, options: CallSweepOptions): Promise<CallSweepReport> {
  const report: CallSweepReport = { calls: 0, points: 0, byMode: {}, lost: 0, doubled: 0, failures: [] };
  let scenario = 0;
  const run = async (plan: FaultPlan, gapHours: number): Promise<FaultReport> => {
    scenario += 1;
    const outcome = await tryPoint(harness, { ...options, scenario, plan, gapHours });
    if (outcome.failure !== undefined) {
      report.lost += outcome.lost;
      report.doubled += outcome.doubled;
      if (report.failures.length < FAILURES_MAX) report.failures.push(outcome.failure);
    }
    return outcome.faults;
  };
  const { sites } = await run({ call: 0, mode: "before" }, 0);
  report.calls = sites.length;
  const { stride, offset = 0, allGaps = false } = options;
  for (const [index, { call, mode }] of listPoints(sites, options).entries()) {
    if (index % stride !== offset) continue;
    const turn = index % RESUME_GAPS_HOURS.length;
    for (const gapHours of allGaps ? RESUME_GAPS_HOURS : RESUME_GAPS_HOURS.slice(turn, turn + 1)) {
      const { strikes } = await run({ call, mode }, gapHours);
      if (strikes.length === 0) break;
      report.points += 1;
      report.byMode[mode] = (report.byMode[mode] ?? 0) + 1;
      if (options.failFast === true && report.failures.length > 0) return report;
    }
  }
  return report;
}

// Runs at once change places, so a mode may find another site at its call: then nothing strikes and the point does not count.
const listPoints = (
  found: readonly CallSite[],
  { seed, sites }: CallSweepOptions,
): { call: number; mode: SweepMode }[] => {
  const random = createRandom(seed);
  return found
    .flatMap((site, index) =>
      SWEEP_MODES.filter((mode) => canStrike(site, mode) && sites?.includes(site) !== false).map((mode) => ({
        call: index + 1,
        mode,
        rank: random(),
      })),
    )
    .toSorted((a, b) => a.rank - b.rank);
};

interface Point extends CallSweepOptions {
  scenario: number;
  plan: FaultPlan;
  gapHours: number;
}

interface PointOutcome {
  faults: FaultReport;
  lost: number;
  doubled: number;
  failure?: string;
}

async function tryPoint(harness: Harness, point: Point): Promise<PointOutcome> {
  const tenantIds = [`p${point.scenario}a`, `p${point.scenario}b`];
  const clock: SweepClock = { nowMs: point.startMs };
  const ledger = new Ledger();
  const client = new Client(harness, ledger);
  // The second tenant has two shards, so a request of it is two calls, and with a key a claim besides.
  await harness.reset(clock.nowMs, tenantIds, `${tenantIds[1]}=2`);
  const requests = makeRequests(point, tenantIds);
  let faults: FaultReport = { sites: [], strikes: [] };
  try {
    await harness.arm(point.plan);
    await runScenario(harness, { client, requests, clock });
    faults = await harness.heal();
    const silence = point.scenario % 2 === 0 ? await keepSilent(harness, clock, ledger) : undefined;
    if (silence !== undefined) {
      return { faults, ...silence, failure: `${describePoint(point, faults)}: ${silence.failure}` };
    }
    await resume(harness, { client, requests, clock, gapHours: point.gapHours });
  } catch (error) {
    return { faults, lost: 0, doubled: 0, failure: `${describePoint(point, faults)}: ${String(error)}` };
  }
  const { lost, doubled, differences } = ledger.compare(await harness.readTotals());
  if (differences.length === 0) return { faults, lost, doubled };
  return { faults, lost, doubled, failure: `${describePoint(point, faults)}: ${differences.join("; ")}` };
}

function describePoint({ gapHours }: Point, { strikes }: FaultReport): string {
  const [strike] = strikes;
  if (strike === undefined) return "without a fault";
  return `call ${strike.call} (${strike.site}) ${strike.mode}, resumed after ${gapHours} h`;
}

function makeRequests({ seed, startMs }: Point, tenantIds: readonly string[]): UsageRequest[] {
  const source = createEventSource(seed, tenantIds);
  const events = Array.from({ length: 13 }, (_, index) => source.make(index + (index % 2) * 500, startMs));
  const some = (...indexes: number[]): SentEvent[] => indexes.flatMap((index) => events[index] ?? []);
  // Copies within a request, across requests, and across a restart.
  return [
    formRequest(some(0, 1, 2, 3, 1), "array"),
    formRequest(some(4, 5, 6, 2, 0), "lines"),
    formRequest(some(7, 8, 9), "keyed"),
    formRequest(some(10), "single"),
    formRequest(some(11, 12, 10, 5), "array"),
  ];
}

interface Scene {
  client: Client;
  requests: readonly UsageRequest[];
  clock: SweepClock;
}

async function runScenario(harness: Harness, { client, requests, clock }: Scene): Promise<void> {
  const late = requests.slice(3);
  for (const request of requests.slice(0, 3)) {
    await client.send(request);
    if (client.waiting.length > 0) await client.retry();
  }
  await advance(harness, clock, 5 * MINUTE_MS);
  await harness.fireAlarms();
  for (const request of late) await client.send(request);
  await harness.aggregate(2);
  await advance(harness, clock, 6 * MINUTE_MS);
  await harness.fireAlarms();
  await harness.aggregate(2);
}

/** Nobody sends anything for a while: what was acknowledged must be counted all the same. */
async function keepSilent(harness: Harness, clock: SweepClock, ledger: Ledger): Promise<SilentLoss | undefined> {
  await advance(harness, clock, HOUR_MS);
  await settle(harness, clock);
  const { lost, differences } = ledger.compare(await harness.readTotals());
  return lost === 0 ? undefined : { lost, doubled: 0, failure: `not counted by itself: ${differences.join("; ")}` };
}

type SilentLoss = Required<Omit<PointOutcome, "faults">>;

async function resume(
  harness: Harness,
  { client, requests, clock, gapHours }: Scene & { gapHours: number },
): Promise<void> {
  if (gapHours > RETRY_GAP_HOURS_MAX) await client.retry();
  await advance(harness, clock, gapHours * HOUR_MS);
  await client.retry();
  await client.repeat(requests);
  await settle(harness, clock, client);
  if ((await harness.deliverLate()) > 0) await settle(harness, clock, client);
}
