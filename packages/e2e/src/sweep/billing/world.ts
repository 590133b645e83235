import type { Runtime, SharedBindings } from "@prego/core/http";
import { cycleBounds } from "@prego/core/period";
import type { Env } from "@prego/cycle-close/env";
import { startClose } from "@prego/cycle-close/start";
import { createStripeEmulator, type StripeEmulator } from "@prego/local/stripe-emulator/emulator";
import { faultyBindings } from "../../faults/fault-injector.ts";
import { BillingLane, type Outside } from "./fault-lane.ts";
import { CYCLES, type Fleet, makeFleet } from "./fleet.ts";
import { lastPlanOf } from "./fleet-parts.ts";
import { addLateUsage, endSubscriptions, priceIdOf, seedFleet } from "./fleet-stores.ts";
import { keepStores, restoreStores, type Stage } from "./kept-stores.ts";

const MINUTE_MS = 60_000;
/** A close comes 40 minutes after the cycle: past its grace. */
const CLOSE_AFTER_MS = 40 * MINUTE_MS;
/** Subscriptions are renewed, and end, on these days of the cycle. */
const RENEWED_ON = `${CYCLES.now}-05T00:00:00.000Z`;
const LEFT_ON = `${CYCLES.now}-20T00:00:00.000Z`;

/** Settings that every worker of the sweep runs with. */
export const SETTINGS = {
  STRIPE_SECRET_KEY: "sk_test_sweep",
  STRIPE_API_BASE: "http://stripe.test",
  STRIPE_WEBHOOK_SECRET: "whsec_sweep",
  STRIPE_LIVEMODE: "false",
  INTERNAL_API_KEY: "an-operator-key-for-sweeps",
  PURGE_KEY: "a purge key for sweeps",
  CLOSE_GRACE_SECONDS: "1800",
} as const;

/** One fleet between the close of one cycle and the next, with its Stripe and its clock. */
export interface World extends Outside {
  bindings: SharedBindings;
  fleet: Fleet;
  /** Stripe's side and the time of each stage that was kept. */
  kept: Map<Stage, { stripe: string; atMs: number }>;
  pause: () => Promise<void>;
  /** Takes the webhooks that Stripe sends. */
  receive: (webhook: Request) => Promise<Response>;
}

/** Closes the past cycle of a new fleet, adds its late usage, lets some leave, and keeps all that as the stage `due`. */
export async function createWorld(bindings: SharedBindings, seed: number): Promise<World> {
  const clock = { nowMs: cycleBounds(CYCLES.past).endMs - 20 * 24 * 60 * MINUTE_MS };
  const fleet = makeFleet(seed);
  const emulator = createStripeEmulator({
    now: () => clock.nowMs,
    seed,
    sleep: () => world.pause(),
    fetch: (url, init) => world.receive(new Request(url, init)),
  });
  const world: World = {
    bindings,
    clock,
    fleet,
    emulator,
    kept: new Map(),
    purge: undefined,
    calls: 0,
    pause: () => Promise.resolve(),
    receive: () => Promise.reject(new Error("nobody takes webhooks")),
  };
  seedStripe(emulator, fleet);
  const subscriptions = await subscribe(emulator, fleet);
  await seedFleet(bindings.DB, fleet, subscriptions);
  clock.nowMs = cycleBounds(CYCLES.past).endMs + CLOSE_AFTER_MS;
  await runClose(world, new BillingLane(world));
  await leave(world, subscriptions);
  await addLateUsage(bindings.DB, fleet);
  clock.nowMs = cycleBounds(CYCLES.now).endMs + CLOSE_AFTER_MS;
  await keepStage(world, "due");
  return world;
}

/** Subscriptions that end were renewed once more before, and that invoice took what the past cycle owed. */
async function leave(world: World, subscriptions: ReadonlyMap<string, string>): Promise<void> {
  const leaving = world.fleet.flatMap(({ hasLeft, customer }) => (hasLeft ? [subscriptions.get(customer)] : []));
  for (const [at, step] of [
    [RENEWED_ON, { invoice: "paid" }],
    [LEFT_ON, { status: "canceled" }],
  ] as const) {
    world.clock.nowMs = Date.parse(at);
    for (const id of leaving) await order(world, `subscriptions/${id}`, step);
  }
  await endSubscriptions(world.bindings.DB, world.fleet);
}

/** Keeps everything as it is now. */
export async function keepStage(world: World, stage: Stage): Promise<void> {
  await keepStores(world.bindings.DB, stage);
  world.kept.set(stage, { stripe: world.emulator.snapshot(), atMs: world.clock.nowMs });
}

/** Back to a stage. */
export async function restoreWorld(world: World, stage: Stage): Promise<void> {
  const kept = world.kept.get(stage);
  if (kept === undefined) throw new Error(`the stage ${stage} was not kept`);
  await restoreStores(world.bindings.DB, stage);
  world.emulator.setFaults({});
  world.emulator.setEndpoints([]);
  world.emulator.restore(kept.stripe);
  world.clock.nowMs = kept.atMs;
  world.purge = undefined;
}

/** What customers, banks and time do at Stripe. */
export async function order({ emulator }: World, path: string, body: object): Promise<void> {
  const request = new Request(`${SETTINGS.STRIPE_API_BASE}/_emulator/${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  const response = await emulator.fetch(request);
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
}

let serial = 0;

/** A runtime on the world's clock whose calls outside go through a lane. */
export const createRuntime = ({ clock }: World, network: typeof fetch): Runtime => ({
  now: () => clock.nowMs,
  // Counted, not drawn: ids differ from run to run, and nothing may depend on them.
  randomBytes: (length) => {
    serial += 1;
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, serial);
    return bytes;
  },
  write: () => undefined,
  fetch: network,
});

/** The cron of the close, through a lane. */
export const runClose = (world: World, lane: BillingLane): Promise<unknown> =>
  startClose(breakEnv(world, lane), createRuntime(world, lane.fetch), {
    trigger: "cron",
    dueAtMs: world.clock.nowMs,
    actor: "cron:cycle-close",
  });

/** Bindings and settings whose calls go through a lane. */
export const breakEnv = ({ bindings }: World, lane: BillingLane): Env => ({
  ...faultyBindings(bindings, lane),
  ...SETTINGS,
});

function seedStripe(emulator: StripeEmulator, fleet: Fleet): void {
  const plans = [...new Set(fleet.flatMap(({ terms }) => terms.map(({ plan }) => plan)))];
  const planIds = [...new Set(plans.map(({ planId }) => planId))];
  const eventNames = [...new Set(plans.flatMap(({ meters }) => meters.map(({ eventName }) => eventName)))];
  emulator.seed({
    customers: fleet.map(({ customer }) => ({ id: customer })),
    products: planIds.map((planId) => ({ id: `prod_${planId}`, name: planId })),
    prices: planIds.map((planId) => ({
      id: priceIdOf(planId),
      product: `prod_${planId}`,
      currency: "eur",
      unit_amount: 2_900,
    })),
    meters: eventNames.map((name) => ({ id: `mtr_${name}`, event_name: name })),
  });
}

/** One subscription for each customer; returns their ids. */
async function subscribe(emulator: StripeEmulator, fleet: Fleet): Promise<Map<string, string>> {
  const made = new Map<string, string>();
  for (const tenant of fleet) {
    const { customer } = tenant;
    const response = await emulator.fetch(
      new Request(`${SETTINGS.STRIPE_API_BASE}/v1/subscriptions`, {
        method: "POST",
        headers: { authorization: `Bearer ${SETTINGS.STRIPE_SECRET_KEY}` },
        body: new URLSearchParams({ customer, "items[0][price]": priceIdOf(lastPlanOf(tenant).planId) }),
      }),
    );
    const { id } = await response.json<{ id?: string }>();
    if (id === undefined) throw new Error(`no subscription for ${customer}: ${response.status}`);
    made.set(customer, id);
  }
  return made;
}
