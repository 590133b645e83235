import type { Parsed } from "../baselines/parse.ts";
import { entryOf } from "../entries.ts";
import { formatNumber, makeFigure, type Report } from "../figure.ts";
import { addTenants, applyMigrations } from "../migrate.ts";
import { runRounds } from "../rounds.ts";
import { type MeasuredRuntime, startRuntime } from "../runtime.ts";
import type { Scale } from "../scale.ts";
import { median } from "../statistics.ts";
import { lastHourMs, makeLines, storeObject } from "../stored-objects.ts";

const TENANT = "ten_lines";
const OBJECTS = 200;
/** As usage-writer flushes them. */
const LINES_PER_OBJECT = 5_000;
const ROUNDS = 5;
const SAMPLE_EVERY_MS = 10;
const MB = 1024 * 1024;
const API_KEY = "an-operator-key-for-the-bench-0123456789";

interface Bench {
  runtime: MeasuredRuntime;
  database: D1Database;
  bucket: R2Bucket;
}

/** Time and memory of rolling up a million lines. */
export async function measureAggregation(scale: Scale): Promise<Report> {
  const runtime = await startRuntime(
    [
      { name: "aggregator", entry: entryOf("@prego/usage-aggregator/index"), vars: { INTERNAL_API_KEY: API_KEY } },
      { name: "parse", entry: entryOf("baselines/parse.ts") },
    ],
    { inspect: true },
  );
  try {
    const database = await runtime.database("aggregator");
    const bench: Bench = { runtime, database, bucket: await runtime.bucket("aggregator") };
    await applyMigrations(database);
    await addTenants(database, [TENANT]);
    const place = { tenantId: TENANT, hourMs: lastHourMs(Date.now()) };
    const contents = Array.from({ length: scale.count(OBJECTS) }, (_, index) =>
      makeLines(place, LINES_PER_OBJECT, scale.seed + index),
    );
    const lines = contents.length * LINES_PER_OBJECT;
    const keys: string[] = [];
    for (const [index, bytes] of contents.entries()) {
      keys.push(await storeObject(bench, { ...place, name: `object-${index}` }, { bytes, events: LINES_PER_OBJECT }));
    }
    const contenders = {
      aggregation: () => aggregate(bench, lines),
      parse: () => parse(bench, keys, lines),
    };
    await runRounds(1, contenders);
    const timed = await runRounds(ROUNDS, contenders);
    const many = await measureMemory(bench, lines);
    await database.prepare("DELETE FROM usage_objects").run();
    await storeObject(bench, { ...place, name: "large" }, { bytes: Buffer.concat(contents), events: lines });
    const large = await measureMemory(bench, lines);
    return report({ lines, ...timed, many, large });
  } finally {
    await runtime.close();
  }
}

/** Rolls everything up once more from the beginning. Everything there is must come out. */
async function aggregate({ runtime, database }: Bench, lines: number): Promise<number> {
  await database.batch([
    database.prepare("UPDATE usage_objects SET status = 'pending', processed_at = NULL"),
    database.prepare("DELETE FROM usage_rollups"),
  ]);
  const startedAt = performance.now();
  const url = new URL("/aggregate", await runtime.urlOf("aggregator"));
  const answer = await fetch(url, { method: "POST", headers: { authorization: `Bearer ${API_KEY}` } });
  await answer.text();
  const tookMs = performance.now() - startedAt;
  const total = await database.prepare("SELECT sum(events) AS total FROM usage_rollups").first<number>("total");
  if (total !== lines) throw new Error(`${lines} lines were stored, ${total ?? 0} rolled up (${answer.status})`);
  return tookMs;
}

async function parse({ runtime }: Bench, keys: string[], lines: number): Promise<Parsed & { tookMs: number }> {
  const startedAt = performance.now();
  const answer = await fetch(await runtime.urlOf("parse"), { method: "POST", body: JSON.stringify(keys) });
  const parsed = await answer.json<Parsed>();
  if (parsed.lines !== lines) throw new Error(`${lines} lines were stored, ${parsed.lines} parsed`);
  return { ...parsed, tookMs: performance.now() - startedAt };
}

/** Largest use of the aggregator's isolate during a run, and what the whole process grew by. */
async function measureMemory(bench: Bench, lines: number): Promise<{ heapBytes: number; grownBytes: number }> {
  const { runtime } = bench;
  const heap = await runtime.heapOf("aggregator");
  const before = runtime.process()?.residentBytes ?? Number.NaN;
  const most = { heapBytes: 0, grownBytes: 0 };
  const sample = async (): Promise<void> => {
    most.heapBytes = Math.max(most.heapBytes, await heap.usedBytes());
    most.grownBytes = Math.max(most.grownBytes, (runtime.process()?.residentBytes ?? Number.NaN) - before);
  };
  const timer = setInterval(() => void sample(), SAMPLE_EVERY_MS);
  await aggregate(bench, lines);
  clearInterval(timer);
  await sample();
  heap.close();
  return most;
}

interface Measured {
  lines: number;
  aggregation: number[];
  parse: (Parsed & { tookMs: number })[];
  many: { heapBytes: number; grownBytes: number };
  large: { heapBytes: number; grownBytes: number };
}

function report({ lines, aggregation, parse, many, large }: Measured): Report {
  const ratio = (to: (round: Parsed & { tookMs: number }) => number): number =>
    median(aggregation.map((tookMs, round) => tookMs / (parse[round] === undefined ? Number.NaN : to(parse[round]))));
  const parseMs = median(parse.map(({ parseMs }) => parseMs));
  const readMs = median(parse.map(({ tookMs }) => tookMs));
  return {
    figures: [
      makeFigure({
        figure: "aggregation_vs_json_parse",
        value: ratio((round) => round.parseMs),
        unit: "x",
        baseline: `${formatNumber(parseMs)} ms in JSON.parse of the same ${formatNumber(lines)} lines, nothing else`,
        target: { atMost: 2.5 },
      }),
      makeFigure({
        figure: "aggregation_vs_read_and_json_parse",
        value: ratio((round) => round.tookMs),
        unit: "x",
        baseline: `${formatNumber(readMs)} ms to read the objects, split and parse`,
      }),
      makeFigure({
        figure: "aggregation_memory",
        value: Math.max(many.heapBytes, large.heapBytes) / MB,
        unit: "MB",
        baseline: `isolate, all ${formatNumber(lines)} lines in one object; in ${LINES_PER_OBJECT}-line objects ${formatNumber(many.heapBytes / MB)}`,
        target: { atMost: 64 },
      }),
    ],
    notes: [
      `Aggregation of ${formatNumber(lines)} lines: ${formatNumber(median(aggregation))} ms with R2, hashes and D1, median of ${ROUNDS} rounds.`,
      `Memory is what the isolate's inspector tells every ${SAMPLE_EVERY_MS} ms, garbage included. The whole runtime, with its simulators of D1 and R2, grew by ${formatNumber(many.grownBytes / MB)} MB and ${formatNumber(large.grownBytes / MB)} MB meanwhile.`,
    ],
  };
}
