import { expectStarterBill } from "./expected-bill.ts";
import type { Narrator } from "./narrator.ts";
import {
  TRACE_ID,
  countRows,
  countStoredEvents,
  emulate,
  eventually,
  findTenant,
  payCheckout,
  readTenant,
  sumRollups,
} from "./probes.ts";
import { createUsageLoad, type UsageLoad } from "./usage-load.ts";
import type { World } from "./world.ts";

const DAY_MS = 86_400_000;
const EVENTS = 10_000;

/** Who the story is about, once Stripe told us. */
interface Customer {
  tenantId: string;
  subscriptionId: string;
  customerId: string;
}

/** The month that has just ended, and the moments of its close. */
interface Month {
  cycle: string;
  endMs: number;
}

/** The month before the current one: its usage is recent enough to be accepted, and its close is due. */
export function lastMonth(nowMs: number): Month {
  const now = new Date(nowMs);
  const endMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);
  return { cycle: new Date(endMs - 1).toISOString().slice(0, 7), endMs };
}

/** A customer pays: the signed webhook makes a tenant, and the workflow provisions it. */
export async function paymentToActive(world: World, tell: Narrator): Promise<Customer> {
  tell.chapter("1. A customer pays; the tenant is provisioned");
  const paid = await payCheckout(world);
  await world.deliverWebhooks();
  const before = await readTenant(world, paid.customer);
  tell.check("tenant state after the signed webhook", before.status, "Provisioning");
  await eventually(
    () => world.runWorkflows(),
    (runs) => runs > 0,
  );
  const after = await readTenant(world, paid.customer);
  tell.check("tenant state after the workflow claimed and completed the job", after.status, "Active");
  tell.say(`tenant ${after.tenant_id}, trace id ${TRACE_ID}`);
  return { tenantId: after.tenant_id, subscriptionId: paid.subscription, customerId: paid.customer };
}

/** Four clients report usage, a fifth of it twice. */
export async function reportUsage(world: World, tell: Narrator, customer: Customer, month: Month): Promise<UsageLoad> {
  tell.chapter(`2. ${EVENTS.toLocaleString("en")} usage events of ${month.cycle}, every fifth of them sent twice`);
  const load = createUsageLoad({
    tenantId: customer.tenantId,
    traceId: TRACE_ID,
    distinct: EVENTS,
    endMs: month.endMs,
    windowMs: 2 * DAY_MS,
    seed: 7,
  });
  const refused: string[] = [];
  let sent = 0;
  const queue = [...load.requests];
  const send = async (): Promise<void> => {
    for (let request = queue.shift(); request !== undefined; request = queue.shift()) {
      const { status, body } = await world.client.sendUsage(request.path, request.contentType, request.body);
      if (status >= 300) refused.push(`${status} ${body.slice(0, 200)}`);
      sent += request.events;
      tell.progress(`${sent} of ${load.distinct + load.repeated} sent`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, send));
  tell.check("requests refused", refused, []);
  tell.say(`${load.requests.length} requests, ${sent} events sent, ${load.repeated} of them a second time`);
  return load;
}

/** The aggregator rolls up what reached R2, twice, and the sums must be those of the distinct events. */
export async function rollUp(world: World, tell: Narrator, customer: Customer, load: UsageLoad): Promise<void> {
  tell.chapter("3. Buffers flush to R2; the aggregator rolls up, exactly");
  const stored = await eventually(
    () => countStoredEvents(world, customer.tenantId),
    (events) => events >= load.distinct,
    (events) => tell.progress(`${events} of ${load.distinct} events in R2`),
  );
  tell.check("events stored", stored, load.distinct);
  for (const run of ["first", "second"]) {
    await world.stack.fireCron("usage-aggregator", "*/15 * * * *", Date.now());
    tell.check(`rollups after the ${run} run`, await sumRollups(world, customer.tenantId), {
      api_requests: load.totals.api_requests.toString(),
      data_gb: load.totals.data_gb.toString(),
    });
  }
}

/** The month closes once, Stripe is told once, and closing again sends nothing. */
export async function closeMonth(
  world: World,
  tell: Narrator,
  { customer, load, month }: { customer: Customer; load: UsageLoad; month: Month },
): Promise<void> {
  tell.chapter(`4. ${month.cycle} closes and the overage reaches Stripe`);
  const fireClose = async (): Promise<void> => {
    await world.stack.fireCron("cycle-close", "0 0 1 * *", month.endMs);
    await world.stack.fireCron("cycle-close", "*/10 * * * *", month.endMs + 40 * 60_000);
  };
  await fireClose();
  const expected = expectStarterBill(load.totals);
  const totals = await world.database
    .prepare(
      "SELECT meter_key, CAST(overage AS TEXT) AS overage, CAST(amount_minor AS TEXT) AS amount FROM usage_cycle_totals WHERE tenant_id = ? AND cycle = ? ORDER BY meter_key",
    )
    .bind(customer.tenantId, month.cycle)
    .all();
  tell.check(
    "overage in micro-units and amount in cents, per meter",
    totals.results,
    expected.map((line) => ({
      meter_key: line.meterKey,
      overage: line.overageMicros.toString(),
      amount: line.amountCents.toString(),
    })),
  );
  const billed = (): string[] =>
    [...world.stripe.state.invoiceItems.values()]
      .map((item) => `${item.metadata["meter_key"]} ${item.amount}`)
      .toSorted();
  const wanted = expected.map((line) => `${line.meterKey} ${line.amountCents}`);
  tell.check("invoice items at Stripe, in cents", billed(), wanted);
  const calls = world.stripe.state.requestCount;
  await fireClose();
  tell.check("the same close again: invoice items at Stripe", billed(), wanted);
  tell.check("the same close again: calls to Stripe", world.stripe.state.requestCount - calls, 0);
}

/** The customer leaves, thirty days pass, and nothing but the receipt stays. */
export async function leaveAndPurge(world: World, tell: Narrator, customer: Customer): Promise<void> {
  tell.chapter("5. The subscription ends; thirty days later the tenant is purged");
  await emulate(world, `/_emulator/subscriptions/${customer.subscriptionId}`, { status: "canceled" });
  await world.deliverWebhooks();
  tell.check("tenant state", (await findTenant(world, customer.tenantId))?.status, "Pending_Deletion");
  await eventually(
    () => world.runWorkflows(),
    (runs) => runs > 0,
  );
  // The purge waits for the last bill: what no invoice of the subscription takes up any more gets one of its own.
  await world.stack.fireCron("cycle-close", "*/10 * * * *", Date.now());
  const early = Date.now() + 29 * DAY_MS;
  await world.stack.fireCron("purge-job", "0 2 * * *", early);
  tell.check("a purge one day early leaves", (await findTenant(world, customer.tenantId))?.status, "Pending_Deletion");
  for (let night = 31; night <= 33; night += 1) {
    await world.stack.fireCron("purge-job", "0 2 * * *", Date.now() + night * DAY_MS);
  }
  tell.check("tenant state after the purge", (await findTenant(world, customer.tenantId))?.status, "Purged");
  const prefix = `usage_raw/tenant_id=${customer.tenantId}/`;
  tell.check("raw usage objects left", (await world.bucket.list({ prefix })).objects.length, 0);
  tell.check("usage rollups left", await countRows(world, "usage_rollups", customer.tenantId), 0);
  const certificates = await world.bucket.list({ prefix: "certificates/" });
  tell.check("certificates", certificates.objects.length, 1);
  const certificate = await (await world.bucket.get(certificates.objects[0]?.key ?? ""))?.text();
  tell.check("the certificate names the tenant", certificate?.includes(customer.tenantId), false);
  tell.say(`certificate ${certificates.objects[0]?.key}, ${certificate?.length ?? 0} bytes`);
}

/** One trace id tells the whole story, and the audit log names who did what. */
export async function lookBack(world: World, tell: Narrator, customer: Customer): Promise<void> {
  tell.chapter(`6. GET /trace/${TRACE_ID} and GET /audit`);
  const { events } = await world.client.get<{ events: { ts: string; source: string; event_type: string }[] }>(
    `/trace/${TRACE_ID}`,
  );
  for (const event of events) tell.say(`${event.ts}  ${event.source.padEnd(16)} ${event.event_type}`);
  tell.check(
    "events are in order",
    events
      .map(({ ts }) => ts)
      .toSorted()
      .join() === events.map(({ ts }) => ts).join(),
    true,
  );
  tell.check(
    "workers on the trace",
    [...new Set(events.map(({ source }) => source))],
    ["control-plane", "usage-writer", "usage-aggregator", "cycle-close", "purge-job"],
  );
  const { audit_logs: logs } = await world.client.get<{ audit_logs: { actor: string; action: string }[] }>(
    `/audit?tenant_id=${customer.tenantId}&limit=500`,
  );
  for (const { actor, action } of logs.toReversed()) tell.say(`${actor.padEnd(24)} ${action}`);
  tell.check("changes in the audit log without an actor", logs.filter(({ actor }) => actor === "").length, 0);
  const told = new Set(logs.map(({ action }) => action));
  const changes = ["tenant.created", "provision.claimed", "provision.completed", "cycle.closed", "purge.completed"];
  tell.check(
    "of the main changes, missing in the audit log",
    changes.filter((action) => !told.has(action)),
    [],
  );
}
