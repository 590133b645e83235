import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
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

const ROUNDS = 5;
const QUIET = { tenant: "ten_quiet", connections: 5, paceMs: 10, requests: 1_000 };
const BUSY = { tenant: "ten_busy", connections: 50, bodies: 30_000 };
/** How long the busy load runs before the quiet one begins. */
const HEAD_START_SECONDS = 0.5;

/** What the quiet tenant saw, and how many requests a second its neighbour had answered meanwhile. */
type Quiet = LoadResult & { neighbourPerSecond: number };
type Contender = "alone" | "besideWriter" | "sameThread" | "sameThreadEmpty";

/**
 * The 99th percentile of a quiet tenant, alone and beside a tenant at full load. In production each object has a thread of
 * its own, and tenants share D1 and R2: so do three runtimes here. What one thread for all does is shown beside it.
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
    const storage = await start("storage");
    const database = await storage.database("storage");
    await applyMigrations(database);
    await addTenants(database, [QUIET.tenant, BUSY.tenant]);
    const [own, other] = [await start("quiet"), await start("busy")];
    const [writer, neighbour] = [(await own.urlOf("quiet")).href, (await other.urlOf("busy")).href];
    const empty = (await own.urlOf("quiet-empty")).href;
    const make = createEventMaker(scale.seed);
    const contenders: Record<Contender, () => Promise<Quiet>> = {
      alone: () => sendQuiet(writer, make),
      besideWriter: () => sendBeside(writer, neighbour, make),
      sameThread: () => sendBeside(writer, writer, make),
      sameThreadEmpty: () => sendBeside(writer, empty, make),
    };
    await runRounds(1, contenders);
    return report(await runRounds(Math.max(3, scale.count(ROUNDS)), contenders));
  } finally {
    await Promise.all(runtimes.map((runtime) => runtime.close()));
    rmSync(storageFolder, { recursive: true, force: true });
  }
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
  const secondsMax = quietSeconds + HEAD_START_SECONDS;
  const load = { url: neighbour, path: "/usage", headers: JSON_HEADERS, bodies, connections, requests, secondsMax };
  const noise = sendAcceptedLoad(load);
  await sleep(HEAD_START_SECONDS * 1_000);
  const quiet = await sendQuiet(url, make);
  return { ...quiet, neighbourPerSecond: (await noise).perSecond };
}

function report(results: Record<Contender, Quiet[]>): Report {
  const p99 = (name: Contender): number => median(results[name].map(({ p99Ms }) => p99Ms));
  const rate = (name: Contender): number => median(results[name].map(({ neighbourPerSecond }) => neighbourPerSecond));
  const ratio = (name: Contender, to: Contender): number =>
    median(results[name].map(({ p99Ms }, round) => p99Ms / (results[to][round]?.p99Ms ?? Number.NaN)));
  for (const [name, rs] of Object.entries(results)) console.log(name, rs.map((r) => `${r.p50Ms.toFixed(1)}/${r.p99Ms.toFixed(1)}ms ${r.seconds.toFixed(1)}s noise ${r.neighbourPerSecond | 0}`).join("  "));
  const perSecond = (QUIET.connections * 1_000) / QUIET.paceMs;
  return {
    figures: [
      makeFigure({
        figure: "quiet_p99_beside_neighbour",
        value: ratio("besideWriter", "alone"),
        unit: "x",
        baseline: `${formatNumber(p99("alone"))} ms alone, ${formatNumber(p99("besideWriter"))} ms beside ${formatNumber(rate("besideWriter"))} requests/s; a thread an object, one D1 and R2`,
        target: { atMost: 1.5 },
      }),
      makeFigure({
        figure: "quiet_p99_beside_neighbour_on_one_thread",
        value: ratio("sameThread", "alone"),
        unit: "x",
        baseline: `the local runtime's one thread for all objects: ${formatNumber(p99("sameThread"))} ms, and ${formatNumber(p99("sameThreadEmpty"))} ms beside the same load on empty objects`,
      }),
    ],
    notes: [
      `The quiet tenant sends ${perSecond} requests/s on ${QUIET.connections} connections, its neighbour all it can on ${BUSY.connections}; median of the rounds. Load, runtimes and storage share this machine's cores.`,
    ],
  };
}
