import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type AggregationBench, makeContents, startAggregationBench } from "../aggregation-bench.ts";
import type { Parsed } from "../baselines/parse.ts";
import { type Figure, formatNumber, makeFigure, type Report } from "../figure.ts";
import { entryOf } from "../entries.ts";
import { type MeasuredRuntime, startRuntime } from "../runtime.ts";
import { runRounds } from "../rounds.ts";
import type { Scale } from "../scale.ts";
import { median } from "../statistics.ts";

const OBJECTS = 200;
/** As usage-writer flushes them. */
const LINES_PER_OBJECT = 5_000;
const ROUNDS = 5;
const MEMORY_MB_MAX = 64;
/** Half of the target: garbage fills any heap up to its limit, so only under one is it seen what a run needs. */
const HEAP_MB_MAX = 32;
const SAMPLE_EVERY_MS = 10;
const MB = 1024 * 1024;

/** Time and memory of rolling up a million lines. */
export async function measureAggregation(scale: Scale): Promise<Report> {
  const contents = makeContents(scale.count(OBJECTS), LINES_PER_OBJECT, scale.seed);
  const time = await measureTime(contents);
  const memory = await measureMemory(contents);
  return { figures: [...time.figures, ...memory.figures], notes: [...time.notes, ...memory.notes] };
}

async function measureTime(contents: readonly Uint8Array[]): Promise<Report> {
  const bench = await startAggregationBench();
  try {
    const keys = await storeAll(bench, contents);
    const lines = contents.length * LINES_PER_OBJECT;
    const contenders = { aggregation: () => bench.aggregate(lines), parse: () => parse(bench, keys, lines) };
    await runRounds(1, contenders);
    const { aggregation, parse: parsed } = await runRounds(ROUNDS, contenders);
    const ratio = (kind: "parseMs" | "tookMs"): number =>
      median(aggregation.map((tookMs, round) => tookMs / (parsed[round]?.[kind] ?? Number.NaN)));
    const medianOf = (kind: "parseMs" | "tookMs"): string => formatNumber(median(parsed.map((round) => round[kind])));
    return {
      figures: [
        makeFigure({
          figure: "aggregation_vs_json_parse",
          value: ratio("parseMs"),
          unit: "x",
          baseline: `${medianOf("parseMs")} ms in JSON.parse of the same ${formatNumber(lines)} lines, nothing else`,
          target: { atMost: 2.5 },
        }),
        makeFigure({
          figure: "aggregation_vs_read_and_json_parse",
          value: ratio("tookMs"),
          unit: "x",
          baseline: `${medianOf("tookMs")} ms to read the objects, split and parse`,
        }),
      ],
      notes: [
        `Aggregation of ${formatNumber(lines)} lines: ${formatNumber(median(aggregation))} ms with R2, hashes and D1, median of ${ROUNDS} rounds.`,
      ],
    };
  } finally {
    await bench.runtime.close();
  }
}

async function storeAll(bench: AggregationBench, contents: readonly Uint8Array[]): Promise<string[]> {
  const keys: string[] = [];
  for (const [index, bytes] of contents.entries()) {
    keys.push(await bench.store(`object-${index}`, { bytes, events: LINES_PER_OBJECT }));
  }
  return keys;
}

async function parse(
  { runtime }: AggregationBench,
  keys: string[],
  lines: number,
): Promise<Parsed & { tookMs: number }> {
  const startedAt = performance.now();
  const answer = await fetch(await runtime.urlOf("parse"), { method: "POST", body: JSON.stringify(keys) });
  const parsed = await answer.json<Parsed>();
  if (parsed.lines !== lines) throw new Error(`${lines} lines were stored, ${parsed.lines} parsed`);
  return { ...parsed, tookMs: performance.now() - startedAt };
}

/** The same lines in many objects and in one, in a runtime where the heap of every isolate is limited. */
async function measureMemory(contents: readonly Uint8Array[]): Promise<Report> {
  const storageFolder = mkdtempSync(path.join(tmpdir(), "bench-"));
  const runtimes: MeasuredRuntime[] = [];
  try {
    // The simulators of D1 and R2 hold whole objects: they are in a runtime without the limit.
    const storage = await startRuntime([{ name: "storage", entry: entryOf("baselines/parse.ts") }], { storageFolder });
    runtimes.push(storage);
    const options = { inspect: true, heapMbMax: HEAP_MB_MAX, storageFolder };
    const bench = await startAggregationBench(options, { runtime: storage, worker: "storage" });
    runtimes.push(bench.runtime);
    const lines = contents.length * LINES_PER_OBJECT;
    await storeAll(bench, contents);
    const many = await watchMemory(bench, lines);
    await bench.forgetObjects();
    await bench.store("large", { bytes: Buffer.concat(contents), events: lines });
    const large = await watchMemory(bench, lines);
    return {
      figures: [memoryFigure(Math.max(many.heapBytes, large.heapBytes), lines)],
      notes: [describe(many, large)],
    };
  } finally {
    await Promise.all(runtimes.map((runtime) => runtime.close()));
    rmSync(storageFolder, { recursive: true, force: true });
  }
}

/** The most that was seen during a run. */
interface Memory {
  /** In the aggregator's isolate, array buffers and garbage included. */
  heapBytes: number;
  /** What the process with all isolates grew by. */
  grownBytes: number;
}

async function watchMemory(bench: AggregationBench, lines: number): Promise<Memory> {
  const heap = await bench.runtime.heapOf("aggregator");
  const before = bench.runtime.process()?.residentBytes ?? Number.NaN;
  const most = { heapBytes: 0, grownBytes: 0 };
  const sample = async (): Promise<void> => {
    most.heapBytes = Math.max(most.heapBytes, await heap.usedBytes());
    most.grownBytes = Math.max(most.grownBytes, (bench.runtime.process()?.residentBytes ?? Number.NaN) - before);
  };
  const timer = setInterval(() => void sample(), SAMPLE_EVERY_MS);
  try {
    await bench.aggregate(lines);
    await sample();
  } finally {
    clearInterval(timer);
    heap.close();
  }
  return most;
}

const memoryFigure = (bytes: number, lines: number): Figure =>
  makeFigure({
    figure: "aggregation_memory",
    value: bytes / MB,
    unit: "MB",
    baseline: `${formatNumber(lines)} lines in one object and in many; the heap is limited to ${HEAP_MB_MAX} MB and the run ends`,
    target: { atMost: MEMORY_MB_MAX },
  });

const describe = (many: Memory, large: Memory): string =>
  `Memory: what the isolate's inspector tells every ${SAMPLE_EVERY_MS} ms, garbage included, was at most ${formatNumber(many.heapBytes / MB)} MB ` +
  `with many objects and ${formatNumber(large.heapBytes / MB)} MB with one. Its process grew by ` +
  `${formatNumber(many.grownBytes / MB)} and ${formatNumber(large.grownBytes / MB)} MB meanwhile.`;
