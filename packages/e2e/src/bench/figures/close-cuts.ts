import { type CloseBench, type Cut, startCloseBench } from "../close-bench.ts";
import { formatNumber, makeFigure, type Report } from "../figure.ts";
import { findChargeFaults, PLAIN_CLOSE_MS, PLAIN_CYCLE, type PlainFleet, storePlainFleet } from "../plain-fleet.ts";
import type { Scale } from "../scale.ts";
import { createRandom } from "../statistics.ts";

const TENANTS = 300;
const METERS = 5;
const HOURS = 6;
const CRON_EVERY_MS = 10 * 60_000;
const RUNS_MAX = 1_000;
/** Calls after which a run is cut off at the latest: few, so that many runs are. */
const CALLS_MAX = 120;
/** Killed runs, until one is let through: each one repeats what it had begun. */
const KILLS = 12;

/** What is in the database and at Stripe after a close that was cut off again and again, beside one that was not. */
export async function measureCloseCuts(scale: Scale): Promise<Report> {
  const fleet = { tenants: scale.count(TENANTS), meters: METERS, hours: HOURS, seed: scale.seed };
  const random = createRandom(scale.seed);
  const calls = (): number => 1 + Math.floor(random() * CALLS_MAX);
  const whole = await closeWith(fleet, () => ({}));
  const short = await closeWith(fleet, () => ({ time_over_after: calls() }));
  const killed = await closeWith(fleet, (index) => (index < KILLS ? { killed_after: calls() } : {}));
  const differing = [short, killed].flatMap(({ lines }) => [
    ...[...lines].filter((line) => !whole.lines.has(line)),
    ...[...whole.lines].filter((line) => !lines.has(line)),
  ]);
  const faults = [whole, short, killed].flatMap((one) => one.faults);
  return {
    figures: [
      makeFigure({
        figure: "close_cut_off_differs",
        value: differing.length + faults.length,
        unit: "rows",
        baseline:
          `${formatNumber(whole.lines.size)} lines and charges of ${fleet.tenants} tenants x ${METERS} meters; ` +
          `${short.cuts} runs out of time and ${killed.cuts} killed ones against ${whole.runs} whole`,
        target: { exactly: 0 },
      }),
    ],
    notes: [...differing, ...faults].slice(0, 5).map((line) => `close cut off: ${line}`),
  };
}

interface CutClose {
  /** Lines and charges with all that counts of them. */
  lines: Set<string>;
  faults: string[];
  runs: number;
  cuts: number;
}

async function closeWith(fleet: PlainFleet, cutOf: (index: number) => Cut): Promise<CutClose> {
  const bench = await startCloseBench();
  try {
    await storePlainFleet(bench, fleet);
    const status = bench.database.prepare("SELECT status FROM cycle_runs WHERE cycle = ?").bind(PLAIN_CYCLE);
    let runs = 0;
    let cuts = 0;
    const isClosed = async (): Promise<boolean> => {
      // Before a run has opened it there is no cycle.
      return (await status.first<string>("status")) === "closed";
    };
    while (!(await isClosed())) {
      if (runs === RUNS_MAX) throw new Error(`the cycle is still open after ${RUNS_MAX} runs`);
      bench.clock.nowMs = PLAIN_CLOSE_MS + runs * CRON_EVERY_MS;
      const cut = cutOf(runs);
      await bench.run(cut);
      runs += 1;
      cuts += Object.keys(cut).length;
    }
    return { lines: await readLines(bench), faults: findChargeFaults(bench, fleet), runs, cuts };
  } finally {
    await bench.close();
  }
}

async function readLines({ database }: CloseBench): Promise<Set<string>> {
  const { results } = await database
    .prepare(
      `SELECT json_array(tenant_id, meter_key, cycle, corrected_cycle, qty, included, overage, amount_minor, currency,
          plan_snapshot_json, rollup_digest) AS line FROM usage_cycle_totals
        UNION ALL SELECT json_array(tenant_id, meter_key, cycle, corrected_cycle, mode, identifier, payload_json, status)
        FROM stripe_usage_outbox`,
    )
    .all<{ line: string }>();
  return new Set(results.map(({ line }) => line));
}
