import type { CallSite, Fault, PointOutcome } from "./fault-plan.ts";
import { BillingLane } from "./fault-lane.ts";
import type { Stage } from "./kept-stores.ts";
import { judge } from "./judge.ts";
import { resendRejected } from "./operator.ts";
import { restoreWorld, runClose, type World } from "./world.ts";

const HOUR_MS = 60 * 60 * 1_000;
/** Waits between the runs that carry on: within Stripe's memory first, then past it. */
const ROUND_HOURS = [1, 7, 25, 25, 25];

type Work = (world: World, lane: BillingLane) => Promise<unknown>;

/** What a fault strikes at a stage: the close; or an operator who has refused charges sent again, and the close after that. */
const WORKS: Readonly<Record<Stage, Work>> = {
  due: runClose,
  refused: async (world, lane) => {
    await resendRejected(world, lane).catch(() => undefined);
    await runClose(world, lane);
  },
};

/** Lets faults strike one run after the other, each followed by its gap, and goes on without faults until nothing is left. */
export async function runPoint(world: World, stage: Stage, faults: readonly Fault[]): Promise<PointOutcome> {
  await restoreWorld(world, stage);
  const runs: CallSite[][] = [];
  let strikes = 0;
  for (const { call, mode, gapHours } of faults) {
    const lane = new BillingLane(world, { call, mode });
    await lane.watch(() => WORKS[stage](world, lane).catch(() => undefined));
    runs.push(lane.sites);
    strikes += lane.strikes;
    world.clock.nowMs += gapHours * HOUR_MS;
  }
  runs.push(await carryOn(world, stage));
  return { ...(await judge(world)), runs, strikes };
}

/** Runs until every cycle is closed and nothing is to be sent; returns the calls of the first run. */
export async function carryOn(world: World, stage: Stage): Promise<CallSite[]> {
  const first = new BillingLane(world);
  await WORKS[stage](world, first);
  for (const hours of ROUND_HOURS) {
    if (await isQuiet(world)) break;
    world.clock.nowMs += hours * HOUR_MS;
    await WORKS[stage](world, new BillingLane(world));
  }
  return first.sites;
}

async function isQuiet({ bindings: { DB } }: World): Promise<boolean> {
  const row = await DB.prepare(
    `SELECT (SELECT count(*) FROM cycle_runs WHERE status <> 'closed')
       + (SELECT count(*) FROM stripe_usage_outbox WHERE status = 'pending')
       + (SELECT count(*) FROM stripe_invoice_outbox WHERE status = 'pending') AS open`,
  ).first<{ open: number }>();
  return row?.open === 0;
}
