import { createEventMaker, type EventMaker, JSON_HEADERS } from "../events.ts";
import type { Report } from "../figure.ts";
import { subtractCounts } from "../instrument/counts.ts";
import { sendAcceptedLoad } from "../load.ts";
import { type MeasuredUsage, type SenderKind, toUsage } from "../measured-usage.ts";
import { type MeteredStack, startMeteredStack } from "../metered-stack.ts";
import { formatBill, priceMarginal, scaleUsage } from "../price-usage.ts";
import type { Scale } from "../scale.ts";
import { measureSender, type Sender, type SenderUsage } from "./measure-sender.ts";

const SENDERS: Record<SenderKind, Sender> = {
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
  batchesAlone: {
    name: "in_batches_of_100_without_company",
    tenant: "ten_batch_alone",
    requests: 1_000,
    eventsPerRequest: 100,
    connections: 1,
    target: { atMost: 0.04 },
  },
  oneByOneAlone: {
    name: "one_by_one_without_company",
    tenant: "ten_alone",
    requests: 2_000,
    eventsPerRequest: 1,
    connections: 1,
  },
};

/** Tenants with one event each: what a flush costs when it holds nearly nothing. */
const FLUSHED_TENANTS = 20;

/** A report with what it counted. */
type OperationsReport = Report & { usage: Omit<MeasuredUsage, "objectRowBytes"> };
type FlushUsage = Pick<MeasuredUsage, "perFlush" | "perRun">;

/** Flushes and runs are shown by the million: one costs too little to be read. */
const MANY = 1_000_000;

/** Billed operations from the request to usage_rollups and to the end of the dedupe window. */
export async function measureOperations(scale: Scale): Promise<OperationsReport> {
  const stack = await startMeteredStack();
  try {
    await stack.addTenants(Object.values(SENDERS).map(({ tenant }) => tenant));
    const make = createEventMaker(scale.seed);
    const measured: Partial<Record<SenderKind, SenderUsage>> = {};
    for (const [kind, sender] of Object.entries(SENDERS) as [SenderKind, Sender][]) {
      measured[kind] = await measureSender(stack, make, { ...sender, requests: scale.count(sender.requests) });
    }
    const flush = await measureFlush(stack, make);
    return report(measured as Record<SenderKind, SenderUsage>, flush, stack.runtime.errors);
  } finally {
    await stack.close();
  }
}

function report(
  senders: Record<SenderKind, SenderUsage>,
  { perFlush, perRun }: FlushUsage,
  errors: readonly string[],
): OperationsReport {
  const mapSenders = <T>(pick: (sender: SenderUsage) => T): Record<SenderKind, T> => ({
    oneByOne: pick(senders.oneByOne),
    oneByOneAlone: pick(senders.oneByOneAlone),
    batches: pick(senders.batches),
    batchesAlone: pick(senders.batchesAlone),
  });
  return {
    figures: Object.values(senders).map(({ figure }) => figure),
    notes: [
      ...Object.values(senders).flatMap(({ notes }) => notes),
      "A million flushes with one event each, from their requests to usage_rollups:",
      ...formatBill(priceMarginal(scaleUsage(perFlush, MANY))),
      "A million runs of the aggregator that find nothing to do (a month has 2,880):",
      ...formatBill(priceMarginal(scaleUsage(perRun, MANY))),
      ...errors.map((error) => `logged error: ${error}`),
    ],
    usage: {
      perMillion: mapSenders(({ usage }) => usage),
      cpuMsPerRequest: mapSenders(({ cpuMsPerRequest }) => cpuMsPerRequest),
      perFlush,
      perRun,
    },
  };
}

async function measureFlush(stack: MeteredStack, make: EventMaker): Promise<FlushUsage> {
  const tenants = Array.from({ length: FLUSHED_TENANTS }, (_, index) => `ten_flush_${index}`);
  await stack.addTenants(tenants);
  // An object's first request creates its tables, which no later one does.
  await flushOnce(stack, make, tenants);
  const idleBefore = await stack.readCounts();
  await stack.aggregate();
  const before = await stack.readCounts();
  await flushOnce(stack, make, tenants);
  const run = subtractCounts(before, idleBefore);
  const work = subtractCounts(subtractCounts(await stack.readCounts(), before), run);
  return { perFlush: scaleUsage(toUsage(work), 1 / FLUSHED_TENANTS), perRun: toUsage(run) };
}

/** One event of each tenant, flushed and rolled up. */
async function flushOnce(stack: MeteredStack, make: EventMaker, tenants: readonly string[]): Promise<void> {
  const bodies = tenants.flatMap((tenant) => make.single(tenant, 1));
  const requests = bodies.length;
  const plan = { url: stack.writerUrl, path: "/usage", headers: JSON_HEADERS, bodies, connections: 1, requests };
  await sendAcceptedLoad(plan);
  for (const tenant of tenants) await stack.runAlarm(tenant, Date.now());
  const runs = await stack.aggregateAll();
  if (runs !== 1) throw new Error(`${tenants.length} flushes took ${runs} runs of the aggregator`);
}
