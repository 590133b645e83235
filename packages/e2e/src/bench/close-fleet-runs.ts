import type { CloseBench } from "./close-bench.ts";
import type { MeasuredRun } from "./instrument/close-run.ts";
import { PLAIN_CLOSE_MS, PLAIN_CYCLE } from "./plain-fleet.ts";

const RUNS_MAX = 500;
const CRON_EVERY_MS = 10 * 60_000;
const SAMPLE_EVERY_MS = 20;

/** One run, and what its process used. */
export type FleetRun = MeasuredRun & { cpuMs: number };

/** Runs the cron until the cycle is closed. */
export async function closeFleet(bench: CloseBench): Promise<{ runs: FleetRun[]; heapBytes: number }> {
  const heap = await bench.runtime.heapOf("close");
  let heapBytes = 0;
  const timer = setInterval(() => {
    void heap.usedBytes().then((bytes) => (heapBytes = Math.max(heapBytes, bytes)));
  }, SAMPLE_EVERY_MS);
  const runs: FleetRun[] = [];
  const status = bench.database.prepare("SELECT status FROM cycle_runs WHERE cycle = ?").bind(PLAIN_CYCLE);
  try {
    while ((await status.first<string>("status")) !== "closed") {
      if (runs.length === RUNS_MAX) throw new Error(`the cycle is still open after ${RUNS_MAX} runs`);
      bench.clock.nowMs = PLAIN_CLOSE_MS + runs.length * CRON_EVERY_MS;
      const before = bench.runtime.process()?.cpuMs ?? Number.NaN;
      const run = await bench.run();
      runs.push({ ...run, cpuMs: (bench.runtime.process()?.cpuMs ?? Number.NaN) - before });
    }
  } finally {
    clearInterval(timer);
    heap.close();
  }
  return { runs, heapBytes };
}
