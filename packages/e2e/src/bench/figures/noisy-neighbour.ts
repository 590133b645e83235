import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { entryOf } from "../entries.ts";
import { createEventMaker, type EventMaker, JSON_HEADERS } from "../events.ts";
import { formatNumber, makeFigure, type Report } from "../figure.ts";
import { type LoadResult, sendAcceptedLoad } from "../load.ts";
import { addTenants, applyMigrations } from "../migrate.ts";
import { runRounds } from "../rounds.ts";
import { type MeasuredRuntime, startRuntime } from "../runtime.ts";
import type { Scale } from "../scale.ts";
import { median } from "../statistics.ts";

const ROUNDS = 7;
const ONE_THREAD_ROUNDS = 3;
const QUIET = { tenant: "ten_quiet", connections: 5, paceMs: 10, requests: 1_000 };
const BUSY = { tenant: "ten_busy", connections: 50, bodies: 30_000 };
/** How long the busy load runs before the quiet one begins, and about as long after it. */
const HEAD_START_SECONDS = 0.5;

/** What the quiet tenant saw, and how many requests a second its neighbour had answered meanwhile. */
type Quiet = LoadResult & { neighbourPerSecond: number };
type Contender = "alone" | "beside" | "besideEmpty" | "oneThread" | "oneThreadEmpty";
type Measured = Record<Contender, Quiet[]>;

/**
 * The 99th percentile of a quiet tenant, alone and beside a tenant at full load. Objects may have an isolate, so a thread, each
 * or share one. The target is for the first: three runtimes, one for D1 and R2, and the neighbour's leaves the cores to the others.
 */
export async function measureNoisyNeighbour(scale: Scale): Promise<Report> {
  const storageFolder = mkdtempSync(path.join(tmpdir(), "bench-"));
  const runtimes: MeasuredRuntime[] = [];
  try {
    const start = async (name: string): Promise<MeasuredRuntime> => {
      const runtime = await startPart(name, storageFolder);
      runtimes.push(runtime);
      return runtime;
    };
    const database = await (await start("storage")).database("storage");
    await applyMigrations(database);
    await addTenants(database, [QUIET.tenant, BUSY.tenant]);
    return report(await measureContenders(await start("quiet"), await start("busy"), scale));
  } finally {
    await Promise.all(runtimes.map((runtime) => runtime.close()));
    rmSync(storageFolder, { recursive: true, force: true });
  }
}

async function measureContenders(own: MeasuredRuntime, other: MeasuredRuntime, scale: Scale): Promise<Measured> {
  const quiet = (await own.urlOf("quiet")).href;
  const quietEmpty = (await own.urlOf("quiet-empty")).href;
  const busy = (await other.urlOf("busy")).href;
  const busyEmpty = (await other.urlOf("busy-empty")).href;
  const make = createEventMaker(scale.seed);
  other.yieldProcessor();
  const apart = {
    alone: () => sendQuiet(quiet, make),
    beside: () => sendBeside(quiet, busy, make),
    besideEmpty: () => sendBeside(quiet, busyEmpty, make),
  };
  const together = {
    oneThread: () => sendBeside(quiet, quiet, make),
    oneThreadEmpty: () => sendBeside(quiet, quietEmpty, make),
  };
  await runRounds(1, apart);
  const rounds = Math.max(3, scale.count(ROUNDS));
  return { ...(await runRounds(rounds, apart)), ...(await runRounds(ONE_THREAD_ROUNDS, together)) };
}

function startPart(name: string, storageFolder: string): Promise<MeasuredRuntime> {
  const objects = { USAGE_BUFFER: "UsageBuffer" };
  return startRuntime(
    [
      { name, entry: entryOf("@prego/usage-writer/index"), objects },
      { name: `${name}-empty`, entry: entryOf("baselines/usage-writer.ts"), objects },
    ],
    { storageFolder },
  );
}

async function sendQuiet(url: string, make: EventMaker): Promise<Quiet> {
  const { tenant, requests, connections, paceMs } = QUIET;
  const bodies = make.single(tenant, requests);
  const plan = { url, path: "/usage", headers: JSON_HEADERS, bodies, connections, requests, paceMs };
  return { ...(await sendAcceptedLoad(plan)), neighbourPerSecond: 0 };
}

async function sendBeside(url: string, neighbour: string, make: EventMaker): Promise<Quiet> {
  const quietSeconds = ((QUIET.requests / QUIET.connections) * QUIET.paceMs) / 1_000;
  const { tenant, connections, bodies: requests } = BUSY;
  const bodies = make.single(tenant, requests);
  const secondsMax = quietSeconds + 2 * HEAD_START_SECONDS;
  const load = { url: neighbour, path: "/usage", headers: JSON_HEADERS, bodies, connections, requests, secondsMax };
  const noise = sendAcceptedLoad({ ...load, yields: true });
  await sleep(HEAD_START_SECONDS * 1_000);
  const quiet = await sendQuiet(url, make);
  return { ...quiet, neighbourPerSecond: (await noise).perSecond };
}

function report(results: Measured): Report {
  const p99 = (name: Contender): number => median(results[name].map(({ p99Ms }) => p99Ms));
  const rate = (name: Contender): string =>
    formatNumber(median(results[name].map(({ neighbourPerSecond }) => neighbourPerSecond)));
  const inMs = (name: Contender): string => `${formatNumber(p99(name))} ms`;
  const ratio = (name: Contender, to: Contender): number =>
    median(results[name].map(({ p99Ms }, round) => p99Ms / (results[to][round]?.p99Ms ?? Number.NaN)));
  const perSecond = (QUIET.connections * 1_000) / QUIET.paceMs;
  return {
    figures: [
      makeFigure({
        figure: "quiet_p99_beside_neighbour",
        value: ratio("beside", "alone"),
        unit: "x",
        baseline: `${inMs("alone")} alone, ${inMs("beside")} beside ${rate("beside")} requests/s of another tenant`,
        target: { atMost: 1.5 },
      }),
      makeFigure({
        figure: "quiet_p99_beside_neighbour_vs_same_load_on_empty_objects",
        value: ratio("beside", "besideEmpty"),
        unit: "x",
        baseline: `${inMs("besideEmpty")} beside ${rate("besideEmpty")} requests/s that store nothing: what the cores alone do`,
      }),
      makeFigure({
        figure: "quiet_p99_beside_neighbour_on_one_thread",
        value: p99("oneThread") / p99("alone"),
        unit: "x",
        baseline: `${inMs("oneThread")} in the neighbour's runtime, ${inMs("oneThreadEmpty")} there beside empty objects: its one thread is the limit`,
      }),
    ],
    notes: [
      `The quiet tenant sends ${perSecond} requests/s on ${QUIET.connections} connections, its neighbour all it can on ${BUSY.connections}. Medians over the rounds.`,
      `Each tenant has a runtime of its own, as objects in different isolates have; D1 and R2 are one, in a third. All of them and the load share ${availableParallelism()} cores and one disk;`,
      "the neighbour's runtime and load have the lower priority, because there they have other cores. Its rate shows how full its load was.",
      "Objects that share an isolate share its thread: that is the figure on one thread, which has no target.",
    ],
  };
}
