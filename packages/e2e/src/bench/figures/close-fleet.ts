import { D1_QUERIES_PER_INVOCATION_MAX } from "@prego/core/limits";
import { startCloseBench } from "../close-bench.ts";
import { closeFleet, type FleetRun } from "../close-fleet-runs.ts";
import { type Figure, formatNumber, makeFigure, type Report } from "../figure.ts";
import { expectCharges, findChargeFaults, type PlainFleet, storePlainFleet } from "../plain-fleet.ts";
import type { Scale } from "../scale.ts";

const TENANTS = 10_000;
const METERS = 5;
const HOURS = 6;
/** A few dozen: six hours of the cron that carries a close on. */
const RUNS_TARGET = 36;
const MEMORY_MB_MAX = 64;
/** Half of the target: garbage fills any heap up to its limit, so only under one is it seen what a run needs. */
const HEAP_MB_MAX = 32;
/** What a cron that comes more often than hourly may use. */
const CPU_SECONDS_MAX = 30;
const MB = 1024 * 1024;

/** What closing a whole fleet takes, until Stripe knows everything. */
export async function measureCloseFleet(scale: Scale): Promise<Report> {
  const fleet = { tenants: scale.count(TENANTS), meters: METERS, hours: HOURS, seed: scale.seed };
  const bench = await startCloseBench({ heapMbMax: HEAP_MB_MAX });
  try {
    await storePlainFleet(bench, fleet);
    const { runs, heapBytes } = await closeFleet(bench);
    const faults = findChargeFaults(bench, fleet);
    return report(fleet, { runs, heapBytes, faults, errors: bench.runtime.errors });
  } finally {
    await bench.close();
  }
}

interface Seen {
  runs: readonly FleetRun[];
  heapBytes: number;
  faults: readonly string[];
  errors: readonly string[];
}

const sum = ({ runs }: Seen, of: (run: FleetRun) => number): number => runs.reduce((total, run) => total + of(run), 0);
const most = ({ runs }: Seen, of: (run: FleetRun) => number): number => Math.max(...runs.map(of));

function report(fleet: PlainFleet, seen: Seen): Report {
  const notes = [
    ...seen.runs.map(
      (run, index) =>
        `Close, run ${index + 1}: ${formatNumber(run.queries)} queries, ${run.closeBatches} batches of tenants, ` +
        `${formatNumber(run.stripeCalls)} calls to Stripe, ${formatNumber(run.cpuMs / 1_000)} s of CPU, ${formatNumber(run.tookMs / 1_000)} s.`,
    ),
    ...seen.faults.slice(0, 5).map((fault) => `close: ${fault}`),
    ...seen.errors.map((error) => `logged error: ${error}`),
  ];
  return { figures: [...effectFigures(fleet, seen), ...workFigures(fleet, seen), ...limitFigures(fleet, seen)], notes };
}

const sizeOf = ({ tenants, meters }: PlainFleet): string => `${formatNumber(tenants)} tenants x ${meters} meters`;

function effectFigures(fleet: PlainFleet, seen: Seen): Figure[] {
  const owed = expectCharges(fleet).size;
  return [
    makeFigure({
      figure: "close_stripe_calls",
      value: sum(seen, ({ stripeCalls }) => stripeCalls),
      unit: "calls",
      baseline: `${sizeOf(fleet)}: one for each tenant-meter above its allowance`,
      target: { exactly: owed },
    }),
    makeFigure({
      figure: "close_charges_doubled_lost_or_wrong",
      value: seen.faults.length,
      unit: "charges",
      baseline: `${formatNumber(owed)} charges, compared with what Stripe's emulator holds`,
      target: { exactly: 0 },
    }),
  ];
}

function workFigures(fleet: PlainFleet, seen: Seen): Figure[] {
  const seconds = sum(seen, ({ tookMs }) => tookMs) / 1_000;
  const rows = sum(seen, ({ rowsWritten }) => rowsWritten) / fleet.tenants;
  return [
    makeFigure({
      figure: "close_d1_batches_per_tenant",
      value: sum(seen, ({ closeBatches }) => closeBatches) / fleet.tenants,
      unit: "batches",
      baseline: "all that closing writes of a tenant is in one of them",
      target: { atMost: 1 },
    }),
    makeFigure({
      figure: "close_d1_queries_per_tenant",
      value: sum(seen, ({ queries }) => queries) / fleet.tenants,
      unit: "queries",
      baseline: `of closing and sending, each statement of a batch counted; ${formatNumber(rows)} rows written`,
    }),
    makeFigure({
      figure: "close_seconds_per_1000_tenants",
      value: (seconds * 1_000) / fleet.tenants,
      unit: "s",
      baseline: `${formatNumber(seconds)} s in all, calls to Stripe's emulator over loopback included`,
    }),
  ];
}

function limitFigures(fleet: PlainFleet, seen: Seen): Figure[] {
  return [
    makeFigure({
      figure: "close_runs",
      value: seen.runs.length,
      unit: "runs",
      baseline: `${sizeOf(fleet)}, a run every 10 minutes, 4 minutes each`,
      target: { atMost: RUNS_TARGET },
    }),
    makeFigure({
      figure: "close_d1_queries_of_one_run",
      value: most(seen, ({ queries }) => queries),
      unit: "queries",
      baseline: "the most of all runs",
      target: { atMost: D1_QUERIES_PER_INVOCATION_MAX },
    }),
    makeFigure({
      figure: "close_cpu_of_one_run",
      value: most(seen, ({ cpuMs }) => cpuMs) / 1_000,
      unit: "s",
      baseline: "the most of all runs; the worker's process, D1 and Stripe are in others",
      target: { atMost: CPU_SECONDS_MAX },
    }),
    makeFigure({
      figure: "close_memory",
      value: seen.heapBytes / MB,
      unit: "MB",
      baseline: `${sizeOf(fleet)}; the heap is limited to ${HEAP_MB_MAX} MB and the runs end`,
      target: { atMost: MEMORY_MB_MAX },
    }),
  ];
}
