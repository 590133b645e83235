import { createEventMaker, JSON_HEADERS } from "../events.ts";
import { formatNumber, makeFigure, type Report, type Target } from "../figure.ts";
import { type LoadResult, sendAcceptedLoad } from "../load.ts";
import { addTenants, applyMigrations } from "../migrate.ts";
import { runRounds } from "../rounds.ts";
import { type MeasuredRuntime, startRuntime } from "../runtime.ts";
import { median } from "../statistics.ts";
import type { Scale } from "../scale.ts";
import { entryOf } from "../entries.ts";

const TENANT = "ten_bench";
const CONNECTIONS = 50;
const EVENTS_PER_BATCH = 100;
const ROUNDS = 9;
const SECRET = "a-secret-of-senders-for-the-bench";
const HEADERS = { ...JSON_HEADERS, authorization: `Bearer ${SECRET}` };

/** Requests a round: about a second each on two cores, so that the two sides of a ratio are never far apart. */
const REQUESTS = { writer: 5_000, sameWorker: 5_000, object: 5_000, bare: 6_000, d1: 1_500, r2: 1_000, batch: 400 };
type Contender = keyof typeof REQUESTS;

/** Requests a second of one-event posts and events a second of batches, beside what they are measured against. */
export async function measureIngest(scale: Scale): Promise<Report> {
  const vars = { USE_WRITER_SECRET: SECRET, FLUSH_SECONDS: "300" };
  const objects = { USAGE_BUFFER: "UsageBuffer" };
  const runtime = await startRuntime([
    { name: "baseline", entry: entryOf("baselines/worker.ts"), objects: { EMPTY: "EmptyObject" } },
    { name: "same-worker", entry: entryOf("baselines/usage-writer.ts"), objects, vars },
    { name: "writer", entry: entryOf("@prego/usage-writer/index"), objects, vars },
  ]);
  try {
    const database = await runtime.database("writer");
    await applyMigrations(database);
    await addTenants(database, [TENANT]);
    await database.prepare("CREATE TABLE baseline_events (id INTEGER PRIMARY KEY, body TEXT NOT NULL)").run();
    const contenders = await listContenders(runtime, scale);
    // What the first requests compile and open belongs to no round.
    await runRounds(1, contenders);
    return report(await runRounds(ROUNDS, contenders), runtime);
  } finally {
    await runtime.close();
  }
}

async function listContenders(
  runtime: MeasuredRuntime,
  scale: Scale,
): Promise<Record<Contender, () => Promise<LoadResult>>> {
  const make = createEventMaker(scale.seed);
  const [baseline, sameWorker, writer] = await Promise.all(
    ["baseline", "same-worker", "writer"].map(async (name) => (await runtime.urlOf(name)).href),
  );
  const load =
    (url: string | undefined, path: string, name: Contender, bodies: (requests: number) => string[]) => () => {
      const requests = scale.count(REQUESTS[name]);
      const plan = { path, headers: HEADERS, bodies: bodies(requests), connections: CONNECTIONS, requests };
      return sendAcceptedLoad({ url: url ?? "", ...plan });
    };
  const single = (requests: number): string[] => make.single(TENANT, requests);
  const batches = (requests: number): string[] => make.batches(TENANT, requests, EVENTS_PER_BATCH);
  return {
    writer: load(writer, "/usage", "writer", single),
    sameWorker: load(sameWorker, "/usage", "sameWorker", single),
    object: load(baseline, "/object", "object", single),
    bare: load(baseline, "/bare", "bare", single),
    d1: load(baseline, "/d1", "d1", single),
    r2: load(baseline, "/r2", "r2", single),
    batch: load(writer, "/usage", "batch", batches),
  };
}

/** What one-event posts are held against; the last two only to show where the limits of the runtime are. */
const BASELINES: { figure: string; to: Contender; what: string; target?: Target }[] = [
  {
    figure: "one_event_vs_same_worker_empty_object",
    to: "sameWorker",
    what: "same worker, object method that keeps nothing",
    target: { atLeast: 0.8 },
  },
  { figure: "one_event_vs_d1_insert", to: "d1", what: "bare handler, one D1 insert an event", target: { atLeast: 3 } },
  { figure: "one_event_vs_r2_put", to: "r2", what: "bare handler, one R2 put an event", target: { atLeast: 5 } },
  { figure: "one_event_vs_minimal_object_call", to: "object", what: "bare handler, one empty object call" },
  { figure: "one_event_vs_bare_handler", to: "bare", what: "bare handler" },
];

function report(results: Record<Contender, LoadResult[]>, { errors }: MeasuredRuntime): Report {
  const rateOf = (name: Contender): number => median(results[name].map(({ perSecond }) => perSecond));
  // Of each round by itself: both sides of a ratio have seen the same machine.
  const ratio = (name: Contender, to: Contender): number =>
    median(results[name].map(({ perSecond }, round) => perSecond / (results[to][round]?.perSecond ?? Number.NaN)));
  const p99 = (name: Contender): string => formatNumber(median(results[name].map(({ p99Ms }) => p99Ms)));
  const batched = formatNumber(rateOf("batch") * EVENTS_PER_BATCH);
  const figures = [
    makeFigure({
      figure: "one_event",
      value: rateOf("writer"),
      unit: "requests/s",
      baseline: `one tenant, ${CONNECTIONS} connections`,
    }),
    ...BASELINES.map(({ to, what, ...rest }) =>
      makeFigure({
        ...rest,
        value: ratio("writer", to),
        unit: "x",
        baseline: `${formatNumber(rateOf(to))}/s ${what}`,
      }),
    ),
    makeFigure({
      figure: "batch_of_100_vs_one_event",
      value: ratio("batch", "writer") * EVENTS_PER_BATCH,
      unit: "x",
      baseline: `${formatNumber(rateOf("writer"))} events/s one by one, ${batched} in batches`,
      target: { atLeast: 15 },
    }),
  ];
  const notes = [
    `Ingest: median of ${ROUNDS} rounds, contenders in turn; a ratio is the median of the rounds' ratios.`,
    `99th percentile: one event ${p99("writer")} ms, batch of 100 ${p99("batch")} ms, same worker with empty object ${p99("sameWorker")} ms.`,
    ...errors.map((error) => `logged error: ${error}`),
  ];
  return { figures, notes };
}
