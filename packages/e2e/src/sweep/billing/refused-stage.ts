import { BillingLane } from "./fault-lane.ts";
import { receiveBy, WEBHOOK_ENDPOINT } from "./webhooks.ts";
import { keepStage, order, restoreWorld, runClose, type World } from "./world.ts";

const HOUR_MS = 60 * 60 * 1_000;
/** Customers that Stripe does not find while some of their charges are sent. */
const MISSING = ["cus_a_items", "cus_b_events", "cus_f_moves", "cus_h_left"];
/** One of their meters; what they owe for others is sent. */
const METER = /api_(requests|calls)/;
const REFUSED_MIN = 6;

/** A lane at whose end some customers are missing. */
class MissingCustomers extends BillingLane {
  readonly #world: World;

  constructor(world: World) {
    super(world);
    this.#world = world;
  }

  protected override async callStripe(request: Request): Promise<Response> {
    const text = request.method === "POST" ? decodeURIComponent(await request.clone().text()) : "";
    const { customers } = this.#world.emulator.state;
    const id = METER.test(text) ? MISSING.find((customer) => text.includes(customer)) : undefined;
    const customer = id === undefined ? undefined : customers.get(id);
    if (id === undefined || customer === undefined) return super.callStripe(request);
    customers.delete(id);
    try {
      return await super.callStripe(request);
    } finally {
      customers.set(id, customer);
    }
  }
}

/**
 * Closes the cycle while some customers are missing: Stripe refuses their invoice items at once, and takes their meter events
 * and reports them as bad later. Then they are back. Keeps that as the stage `refused`.
 */
export async function makeRefusedStage(world: World): Promise<void> {
  await restoreWorld(world, "due");
  world.emulator.setEndpoints([WEBHOOK_ENDPOINT]);
  await runClose(world, new MissingCustomers(world));
  world.clock.nowMs += HOUR_MS;
  receiveBy(world, new BillingLane(world));
  await order(world, "deliver", { all: true });
  await runClose(world, new BillingLane(world));
  const { results } = await world.bindings.DB.prepare(
    "SELECT DISTINCT mode, count(*) AS n FROM stripe_usage_outbox WHERE status = 'rejected' GROUP BY mode",
  ).all<{ mode: string; n: number }>();
  const refused = results.reduce((sum, { n }) => sum + n, 0);
  if (results.length !== 2 || refused < REFUSED_MIN) throw new Error(`only ${refused} charges were refused`);
  world.clock.nowMs += HOUR_MS;
  await keepStage(world, "refused");
}
