import type { CallSite, Fault, PointOutcome } from "./fault-plan.ts";
import { BillingLane } from "./fault-lane.ts";
import { judge } from "./judge.ts";
import { restoreWorld, runClose, type World } from "./world.ts";

const HOUR_MS = 60 * 60 * 1_000;
/** Waits between the runs that carry on: within Stripe's memory first, then past it. */
const ROUND_HOURS = [1, 7, 25, 25, 25];

/** Lets faults strike one run after the other, each followed by its gap, and goes on without faults until nothing is left. */
export async function runPoint(world: World, faults: readonly Fault[]): Promise<PointOutcome> {
  await restoreWorld(world);
  const runs: CallSite[][] = [];
  let strikes = 0;
  for (const { call, mode, gapHours } of faults) {
    const lane = new BillingLane(world, { call, mode });
    await lane.watch(() => runClose(world, lane).catch(() => undefined));
    runs.push(lane.sites);
    strikes += lane.strikes;
    world.clock.nowMs += gapHours * HOUR_MS;
  }
  runs.push(await carryOn(world));
  return { ...(await judge(world)), runs, strikes };
}

/** Runs until every cycle is closed; returns the calls of the first run. */
export async function carryOn(world: World): Promise<CallSite[]> {
  const first = new BillingLane(world);
  await runClose(world, first);
  for (const hours of ROUND_HOURS) {
    if (await isQuiet(world)) break;
    world.clock.nowMs += hours * HOUR_MS;
    await runClose(world, new BillingLane(world));
  }
  return first.sites;
}

async function isQuiet({ bindings: { DB } }: World): Promise<boolean> {
  const row = await DB.prepare("SELECT count(*) AS open FROM cycle_runs WHERE status <> 'closed'").first<{
    open: number;
  }>();
  return row?.open === 0;
}
