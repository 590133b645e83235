import { parseArgs } from "node:util";
import type { CallSweepReport } from "./call-sweep.ts";
import { listCounts, readCount } from "./command-line.ts";
import { RESUME_GAPS_HOURS } from "./fault-plan.ts";
import { USAGE_BUGS } from "./usage-bugs.ts";
import { huntBug, isExact, sweepUsage } from "./usage-sweep.ts";
import type { VolumeSweepReport } from "./volume-sweep.ts";

/** How the command is called. */
export const SYNOPSIS = `sweep usage [--seed N] [--events N] [--all-gaps] [--bug NAME] [--prove]
  --all-gaps  tries every fault point with every gap instead of one gap in turn
  --bug       plants one known bug: ${Object.keys(USAGE_BUGS).join(", ")}
  --prove     plants all of them, one after the other, and expects the sweep to see each`;
const SEED_DEFAULT = "20261121";
const EVENTS_DEFAULT = "1000000";

function printCalls(calls: CallSweepReport): void {
  console.log(`N = ${calls.calls} calls in the scenario; ${calls.points} fault points (${listCounts(calls.byMode)})`);
  console.log(`resumed after ${RESUME_GAPS_HOURS.join(" h, ")} h; lost ${calls.lost}, doubled ${calls.doubled}`);
  for (const failure of calls.failures) console.log(`  FAILED ${failure}`);
}

function printVolume(volume: VolumeSweepReport, seed: number): void {
  console.log(
    `${volume.events} events sent as ${volume.sent} in ${volume.requests} requests, ${volume.retried} of them retries; ` +
      `${volume.duplicates} answered as duplicates`,
  );
  console.log(
    `${volume.strikes} faults, ${volume.restarts} restarts besides, R2 away for ${volume.outageMinutes} minutes, ` +
      `two aggregators at once; ${volume.seconds.toFixed(1)} s`,
  );
  console.log(`  ${listCounts(volume.bySite)}`);
  const difference = volume.acknowledged - volume.counted;
  console.log(`acknowledged ${volume.acknowledged}, counted ${volume.counted}, accepted minus counted ${difference}`);
  console.log(`${volume.values} distinct values acknowledged, ${volume.countedValues} counted`);
  console.log(`lost ${volume.lost}, doubled ${volume.doubled}, seed ${seed}`);
  for (const text of volume.differences) console.log(`  FAILED ${text}`);
}

async function prove(seed: number): Promise<boolean> {
  let isProven = true;
  for (const name of Object.keys(USAGE_BUGS)) {
    const { failures, points } = await huntBug(name, seed);
    isProven &&= failures.length > 0;
    console.log(`${name}: ${failures[0] === undefined ? "NOT SEEN" : "seen"} after ${points} fault points`);
    if (failures[0] !== undefined) console.log(`  ${failures[0]}`);
  }
  return isProven;
}

/** Runs `sweep usage`. Returns whether it found nothing wrong, or with `--prove` whether it saw every bug. */
export async function runUsageCommand(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: "string", default: SEED_DEFAULT },
      events: { type: "string", default: EVENTS_DEFAULT },
      bug: { type: "string" },
      "all-gaps": { type: "boolean", default: false },
      prove: { type: "boolean", default: false },
    },
  });
  const seed = readCount(values.seed);
  console.log(`seed ${seed}`);
  if (values.prove) return prove(seed);
  const options = { seed, events: readCount(values.events), allGaps: values["all-gaps"], onCalls: printCalls };
  const report = await sweepUsage(values.bug === undefined ? options : { ...options, bug: values.bug });
  printVolume(report.volume, seed);
  return isExact(report);
}
