import { createEventMaker, type EventMaker, JSON_HEADERS } from "../events.ts";
import type { Report } from "../figure.ts";
import { subtractCounts } from "../instrument/counts.ts";
import { sendAcceptedLoad } from "../load.ts";
import { type MeasuredUsage, toUsage } from "../measured-usage.ts";
import { type MeteredStack, startMeteredStack } from "../metered-stack.ts";
import type { Usage } from "../price-list.ts";
import { formatBill, priceMarginal, scaleUsage } from "../price-usage.ts";
import type { Scale } from "../scale.ts";
import { measureSender, type SenderUsage } from "./measure-sender.ts";

const SENDERS = {
  oneByOne: {
    name: "one_by_one",
    tenant: "ten_one",
    requests: 50_000,
    eventsPerRequest: 1,
    connections: 50,
    target: { atMost: 0.4 },
  },
  batches: {
    name: "in_batches_of_100",
    tenant: "ten_batch",
    requests: 2_000,
    eventsPerRequest: 100,
    connections: 50,
    target: { atMost: 0.04 },
  },
  alone: {
    name: "one_by_one_without_company",
    tenant: "ten_alone",
    requests: 2_000,
    eventsPerRequest: 1,
    connections: 1,
  },
} as const;

/** Tenants with one event each: what a flush costs when it holds nearly nothing. */
const FLUSHED_TENANTS = 20;

/** Flushes and runs are shown by the million: one costs too little to be read. */
const MANY = 1_000_000;

/** Billed operations from the request to usage_rollups and to the end of the dedupe window. */
export async function measureOperations(
  scale: Scale,
): Promise<Report & { usage: Omit<MeasuredUsage, "objectRowBytes"> }> {
  const stack = await startMeteredStack();
  try {
    await stack.addTenants(Object.values(SENDERS).map(({ tenant }) => tenant));
    const make = createEventMaker(scale.seed);
    const measure = (sender: (typeof SENDERS)[keyof typeof SENDERS]): Promise<SenderUsage> =>
      measureSender(stack, make, { ...sender, requests: scale.count(sender.requests) });
    const oneByOne = await measure(SENDERS.oneByOne);
    const batches = await measure(SENDERS.batches);
    const alone = await measure(SENDERS.alone);
    const { perFlush, perRun } = await measureFlush(stack, make);
    const senders = [oneByOne, batches, alone];
    return {
      figures: senders.map(({ figure }) => figure),
      notes: [
        ...senders.flatMap(({ notes }) => notes),
        "A million flushes with one event each, from their requests to usage_rollups:",
        ...formatBill(priceMarginal(scaleUsage(perFlush, MANY))),
        "A million runs of the aggregator that find nothing to do (a month has 2,880):",
        ...formatBill(priceMarginal(scaleUsage(perRun, MANY))),
        ...stack.runtime.errors.map((error) => `logged error: ${error}`),
      ],
      usage: {
        perMillion: { oneByOne: oneByOne.usage, batches: batches.usage, alone: alone.usage },
        perFlush,
        perRun,
        cpuMsPerRequest: {
          oneByOne: oneByOne.cpuMsPerRequest,
          batches: batches.cpuMsPerRequest,
          alone: alone.cpuMsPerRequest,
        },
      },
    };
  } finally {
    await stack.close();
  }
}

async function measureFlush(stack: MeteredStack, make: EventMaker): Promise<{ perFlush: Usage; perRun: Usage }> {
  const idleBefore = await stack.readCounts();
  await stack.aggregate();
  const idleAfter = await stack.readCounts();
  const tenants = Array.from({ length: FLUSHED_TENANTS }, (_, index) => `ten_flush_${index}`);
  await stack.addTenants(tenants);
  const bodies = tenants.flatMap((tenant) => make.single(tenant, 1));
  const plan = { url: stack.writerUrl, path: "/usage", headers: JSON_HEADERS, bodies, connections: 1 };
  const before = await stack.readCounts();
  await sendAcceptedLoad({ ...plan, requests: bodies.length });
  for (const tenant of tenants) await stack.runAlarm(tenant, Date.now());
  await stack.aggregateAll();
  const run = subtractCounts(idleAfter, idleBefore);
  const work = subtractCounts(subtractCounts(await stack.readCounts(), before), run);
  return { perFlush: scaleUsage(toUsage(work), 1 / FLUSHED_TENANTS), perRun: toUsage(run) };
}
