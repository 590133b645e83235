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
const QUIET = { tenant: "ten_quiet", connections: 5, paceMs: 10, requests: 1_250 };
const BUSY = { tenant: "ten_busy", connections: 50, bodies: 30_000 };
/** How long the busy load runs before the quiet one begins, and at least after it. */
const HEAD_START_SECONDS = 0.5;

/** What the quiet tenant saw, and how many requests a second its neighbour had answered meanwhile. */
type Quiet = LoadResult & { neighbourPerSecond: number };

/**
 * The 99th percentile of a quiet tenant, alone and beside a tenant at full load. The local runtime runs all objects on one
 * thread, which production does not: so there is the same load on empty objects beside it, and on a runtime of its own.
 */
export async function measureNoisyNeighbour(scale: Scale): Promise<Report> {
  const runtimes = await Promise.all([startBoth(), startBoth()]);
  try {
    const [own, other] = runtimes;
    const writer = (await own.urlOf("writer")).href;
    const empty = (await own.urlOf("same-worker")).href;
    const elsewhere = (await other.urlOf("writer")).href;
    const make = createEventMaker(scale.seed);
    const contenders = {
      alone: () => sendQuiet(writer, make),
      beside: () => sendBeside(writer, writer, make),
      besideEmpty: () => sendBeside(writer, empty, make),
      besideOther: () => sendBeside(writer, elsewhere, make),
    };
    await runRounds(1, contenders);
    return report(await runRounds(scale.count(ROUNDS), contenders));
  } finally {
    await Promise.all(runtimes.map((runtime) => runtime.close()));
  }
}

async function startBoth(): Promise<MeasuredRuntime> {
  const objects = { USAGE_BUFFER: "UsageBuffer" };
  const runtime = await startRuntime([
    { name: "writer", entry: entryOf("@prego/usage-writer/index"), objects },
    { name: "same-worker", entry: entryOf("baselines/usage-writer.ts"), objects },
  ]);
  const database = await runtime.database("writer");
  await applyMigrations(database);
  await addTenants(database, [QUIET.tenant, BUSY.tenant]);
  return runtime;
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
  const secondsMax = quietSeconds * 2 + HEAD_START_SECONDS;
  const noise = sendAcceptedLoad({
    url: neighbour,
    path: "/usage",
    headers: JSON_HEADERS,
    bodies,
    connections,
    requests,
    secondsMax,
  });
  await sleep(HEAD_START_SECONDS * 1_000);
  const quiet = await sendQuiet(url, make);
  return { ...quiet, neighbourPerSecond: (await noise).perSecond };
}
function report(results: Record<string, Quiet[]>): Report {
  for (const [name, rs] of Object.entries(results)) console.log(name, rs.map((r) => `${r.p50Ms.toFixed(1)}/${r.p99Ms.toFixed(1)}ms ${r.seconds.toFixed(1)}s noise ${r.neighbourPerSecond | 0}`).join("  "));
  void makeFigure, formatNumber, median;
  return { figures: [], notes: [] };
}
