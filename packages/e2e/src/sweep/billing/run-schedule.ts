import type { JobRun } from "@prego/core/job-run";
import { createDeps as createCloseDeps } from "@prego/cycle-close/deps";
import { runClose as runCloseBody } from "@prego/cycle-close/run";
import { startPurgeJob } from "@prego/purge-job/start";
import { createRandom } from "../../bench/statistics.ts";
import { BillingLane } from "./fault-lane.ts";
import { emptyVerdict, fault, type ScheduleOutcome, type Verdict } from "./fault-plan.ts";
import type { Stage } from "./kept-stores.ts";
import type { FleetTenant } from "./fleet.ts";
import { judge } from "./judge.ts";
import { resendRejected } from "./operator.ts";
import { carryOn } from "./run-point.ts";
import { type Mishaps, TurnLane } from "./turn-lane.ts";
import { Turns } from "./turns.ts";
import { receiveBy, WEBHOOK_ENDPOINT } from "./webhooks.ts";
import { breakEnv, createRuntime, order, restoreWorld, runClose, SETTINGS, type World } from "./world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Stripe has charged an invoice by then. */
const INVOICE_WAIT_MS = 25 * HOUR_MS;
const RUN_MS_MAX = 4 * MINUTE_MS;
/** A run may last 15 minutes; what its claims hold for five runs out meanwhile. */
const DRIFT_MS_MAX = 10 * MINUTE_MS;
const STATUSES = ["past_due", "active", "unpaid", "paused", "canceled"];
const PURGE_ROUNDS_MAX = 6;
/** Share of the schedules that begin with refused charges. */
const REFUSED_RATE = 0.3;

/** One schedule: what runs at once, and what goes wrong. */
interface Schedule {
  random: () => number;
  /** Where it begins: before the close, or after it, with charges that an operator has sent again meanwhile. */
  stage: Stage;
  mishaps: Mishaps;
  /** Whose subscription ended long ago: the purge takes this one meanwhile. */
  doomed: FleetTenant | undefined;
}

/** Closes, webhooks and a purge at once, as the seed says; then everything once more, until nothing is left. */
export async function runSchedule(world: World, seed: number): Promise<ScheduleOutcome> {
  const schedule = drawSchedule(world, seed);
  const { random, stage, doomed } = schedule;
  await restoreWorld(world, stage);
  // A purge waits a week for the last bill: one that is overdue by more takes the tenant as it is.
  if (doomed !== undefined) await doom(world, doomed, random() < 0.7 ? 8 * 24 * HOUR_MS : HOUR_MS);
  world.emulator.setEndpoints([WEBHOOK_ENDPOINT]);
  const lanes: BillingLane[] = [];
  const startedMs = world.clock.nowMs;
  const turns = new Turns(random, () => {
    // No two calls are made at the same moment.
    world.clock.nowMs += 1;
    const isDrifting = random() < 0.03 && world.clock.nowMs < startedMs + DRIFT_MS_MAX;
    if (isDrifting) world.clock.nowMs += Math.floor(random() * MINUTE_MS);
  });
  const tasks = startTasks(world, schedule, { turns, lanes });
  const { steps, switches } = await turns.run();
  world.clock.nowMs += random() < 0.5 ? 20 * MINUTE_MS : 25 * HOUR_MS;
  const isCloseFirst = random() < 0.5;
  const verdict = await finish(world, { stage, isCloseFirst }).then((purged) => judge(world, purged), describeStuck);
  if (doomed !== undefined) await emptyBucket(world);
  const faults = lanes.reduce((sum, lane) => sum + lane.strikes, 0);
  return { ...verdict, steps, switches, faults, tasks };
}

function drawSchedule({ fleet }: World, seed: number): Schedule {
  const random = createRandom(seed);
  const faultRate = random() < 0.5 ? 0 : 0.01;
  const doomed = random() < 0.5 ? fleet[Math.floor(random() * fleet.length)] : undefined;
  const stage = random() < REFUSED_RATE ? "refused" : "due";
  return { random, stage, mishaps: { random, faultRate, slowRate: 0.3 }, doomed };
}

function startTasks(
  world: World,
  { random, stage, mishaps, doomed }: Schedule,
  { turns, lanes }: { turns: Turns; lanes: BillingLane[] },
): string[] {
  const names: string[] = [];
  const start = (name: string, work: (lane: BillingLane) => Promise<unknown>): void => {
    names.push(name);
    turns.start(name, (task) => {
      const lane = new TurnLane(world, { turns, task, mishaps });
      lanes.push(lane);
      return lane.watch(() => work(lane));
    });
  };
  start("close", (lane) => closeWithoutLease(world, lane));
  start("close", (lane) => closeWithoutLease(world, lane));
  if (random() < 0.25) start("leased close", (lane) => runClose(world, lane));
  const living = world.fleet.filter((tenant) => tenant !== doomed);
  start("webhooks", (lane) => changeSubscriptions(world, lane, { living, random }));
  if (doomed !== undefined) start("purge", (lane) => runPurge(world, lane));
  if (stage === "refused") start("operator", (lane) => resendRejected(world, lane));
  return names;
}

/** The lease would keep the second run out; the body must be safe without it. */
function closeWithoutLease(world: World, lane: BillingLane): Promise<unknown> {
  const { nowMs } = world.clock;
  const run: JobRun = {
    runId: `run_${lane.sites.length}`,
    dueAtMs: nowMs,
    deadlineMs: nowMs + RUN_MS_MAX,
    trigger: "cron",
    actor: "cron:cycle-close",
  };
  return runCloseBody(createCloseDeps(breakEnv(world, lane), createRuntime(world, lane.fetch)), run);
}

const runPurge = (world: World, lane: BillingLane): Promise<unknown> =>
  startPurgeJob({ ...breakEnv(world, lane), ...SETTINGS }, createRuntime(world, lane.fetch), {
    trigger: "cron",
    dueAtMs: world.clock.nowMs,
    actor: "cron:purge-job",
  });

/** Subscriptions change at Stripe, and control-plane hears of each change, now and then of one twice. */
async function changeSubscriptions(
  world: World,
  lane: BillingLane,
  { living, random }: { living: readonly FleetTenant[]; random: () => number },
): Promise<void> {
  receiveBy(world, lane);
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)];
  for (let step = 0; step < 3; step += 1) {
    const id = findSubscription(world, pick(living)?.customer);
    const isOver = world.emulator.state.subscriptions.get(id)?.status === "canceled";
    if (!isOver) await order(world, `subscriptions/${id}`, { status: pick(STATUSES) });
    const event = random() < 0.3 ? pick([...world.emulator.state.events.keys()]) : undefined;
    await order(world, "deliver", { event });
  }
}

const findSubscription = ({ emulator }: World, customer: string | undefined): string =>
  [...emulator.state.subscriptions.values()].find((one) => one.customer === customer)?.id ?? "";

async function doom(world: World, { tenantId, customer }: FleetTenant, overdueMs: number): Promise<void> {
  const { DB } = world.bindings;
  const pastMs = world.clock.nowMs - overdueMs;
  const past = new Date(pastMs).toISOString();
  await order(world, `subscriptions/${findSubscription(world, customer)}`, { status: "canceled" });
  world.purge = {
    customer,
    hasBegun: async () => (await listTenants(world, "Purging")).includes(tenantId),
    begunAt: undefined,
    lateInvoices: 0,
  };
  await DB.batch([
    DB.prepare(
      `UPDATE tenants_master SET status = 'Pending_Deletion', subscription_status = 'canceled', purge_after = ?1,
         pending_deletion_at = ?1 WHERE tenant_id = ?2`,
    ).bind(past, tenantId),
    DB.prepare("UPDATE stripe_subscriptions SET status = 'canceled', state_as_of = ?1 WHERE tenant_id = ?2").bind(
      Math.floor(pastMs / 1_000),
      tenantId,
    ),
  ]);
}

/**
 * Everything once more without faults, the close before the purge or after it; returns the tenants that are purged.
 * @throws StuckPurgeError when a purge that began does not end.
 */
async function finish(
  world: World,
  { stage, isCloseFirst }: { stage: Stage; isCloseFirst: boolean },
): Promise<Set<string>> {
  world.pause = () => Promise.resolve();
  receiveBy(world, new BillingLane(world));
  await order(world, "deliver", { all: true });
  if (isCloseFirst) await carryOn(world, stage);
  for (let round = 0; round < PURGE_ROUNDS_MAX; round += 1) {
    await runPurge(world, new BillingLane(world));
    if ((await listTenants(world, "Purging")).length > 0) continue;
    if (world.purge === undefined || world.purge.begunAt !== undefined) break;
    // An invoice that was just made is waited for.
    world.clock.nowMs += INVOICE_WAIT_MS;
  }
  const unfinished = await listTenants(world, "Purging");
  if (unfinished.length > 0) throw new StuckPurgeError(`the purge of ${unfinished.join(", ")} does not end`);
  await carryOn(world, stage);
  return new Set(await listTenants(world, "Purged"));
}

class StuckPurgeError extends Error {
  override readonly name = "StuckPurgeError";
}

function describeStuck(error: unknown): Verdict {
  if (!(error instanceof StuckPurgeError)) throw error;
  const verdict = emptyVerdict();
  fault(verdict, "wrong", error.message);
  return verdict;
}

async function listTenants({ bindings: { DB } }: World, status: string): Promise<string[]> {
  const { results } = await DB.prepare("SELECT tenant_id AS tenantId FROM tenants_master WHERE status = ?")
    .bind(status)
    .all<{ tenantId: string }>();
  return results.map(({ tenantId }) => tenantId);
}

async function emptyBucket({ bindings: { BUCKET } }: World): Promise<void> {
  const { objects } = await BUCKET.list();
  if (objects.length > 0) await BUCKET.delete(objects.map(({ key }) => key));
}
