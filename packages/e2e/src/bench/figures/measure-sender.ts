import { type Alternative, D1_INSERT_PER_EVENT, R2_PUT_PER_EVENT } from "../cost-model.ts";
import { type EventMaker, JSON_HEADERS } from "../events.ts";
import { type Figure, formatNumber, makeFigure, type Target } from "../figure.ts";
import { subtractCounts } from "../instrument/counts.ts";
import { sendAcceptedLoad } from "../load.ts";
import { toUsage } from "../measured-usage.ts";
import type { MeteredStack } from "../metered-stack.ts";
import type { Usage } from "../price-list.ts";
import { addUsage, formatBill, formatUsd, perMillion, priceMarginal } from "../price-usage.ts";

/** Someone who sends events of one tenant in one way. */
export interface Sender {
  name: string;
  tenant: string;
  requests: number;
  eventsPerRequest: number;
  connections: number;
  target?: Target;
}

/** What a sender's events used per million, and what that costs. */
export interface SenderUsage {
  usage: Usage;
  cpuMsPerRequest: number;
  figure: Figure;
  notes: string[];
}

const DAY_MS = 24 * 60 * 60 * 1_000;
/** Ids are kept for 36 days; a day later nothing of them is left. */
const DEDUPE_DAYS = 36;
const MONTH_DAYS = 30;

/** Sends, flushes, rolls up, and lets the dedupe window pass; counts all of it. */
export async function measureSender(stack: MeteredStack, make: EventMaker, sender: Sender): Promise<SenderUsage> {
  const { tenant, requests, eventsPerRequest: size, connections } = sender;
  const events = requests * size;
  const before = await stack.readCounts();
  const cpuMsBefore = readCpuMs(stack);
  const bodies = size === 1 ? make.single(tenant, requests) : make.batches(tenant, requests, size);
  const plan = { url: stack.writerUrl, path: "/usage", headers: JSON_HEADERS, bodies, connections, requests };
  const { seconds } = await sendAcceptedLoad(plan);
  const cpuMsPerRequest = (readCpuMs(stack) - cpuMsBefore) / requests;
  const { dedupeBytes } = await stack.runAlarm(tenant, Date.now());
  const runs = await stack.aggregateAll();
  const rawBytes = await checkRolledUp(stack, tenant, events);
  await passDedupeWindow(stack, tenant);
  const stored: Usage = {
    objectGbMonths: ((dedupeBytes / 1e9) * DEDUPE_DAYS) / MONTH_DAYS,
    r2GbMonths: rawBytes / 1e9,
  };
  const counted = toUsage(subtractCounts(await stack.readCounts(), before));
  const usage = perMillion(addUsage(counted, stored), events);
  const measured = `${formatNumber(events)} events in ${formatNumber(seconds)} s, ${runs} runs of the aggregator`;
  return { usage, cpuMsPerRequest, ...present(sender, usage, { measured, cpuMsPerRequest }) };
}

const readCpuMs = ({ runtime }: MeteredStack): number => runtime.process()?.cpuMs ?? Number.NaN;

/** @throws Error unless every event is in the rollups; returns the bytes of the objects they came from. */
async function checkRolledUp({ database }: MeteredStack, tenant: string, events: number): Promise<number> {
  const sumOf = async (query: string): Promise<number> =>
    (await database.prepare(query).bind(tenant).first<number>("total")) ?? 0;
  const rolledUp = await sumOf("SELECT sum(events) AS total FROM usage_rollups WHERE tenant_id = ?");
  if (rolledUp !== events) throw new Error(`${events} events of ${tenant} were accepted, ${rolledUp} rolled up`);
  return sumOf("SELECT sum(bytes) AS total FROM usage_objects WHERE tenant_id = ?");
}

/** The daily care of a tenant's ids until the last of them is forgotten. */
async function passDedupeWindow(stack: MeteredStack, tenant: string): Promise<void> {
  const startMs = Date.now();
  for (let day = 1; day <= DEDUPE_DAYS + 2; day += 1) {
    const { dedupeBytes } = await stack.runAlarm(tenant, startMs + day * DAY_MS + day * 60_000);
    if (dedupeBytes === 0) return;
  }
  throw new Error(`ids of ${tenant} outlive their window`);
}

function present(
  { name, eventsPerRequest, target }: Sender,
  usage: Usage,
  { measured, cpuMsPerRequest }: { measured: string; cpuMsPerRequest: number },
): Pick<SenderUsage, "figure" | "notes"> {
  const bill = priceMarginal(usage);
  const priceOf = ({ name, usage }: Alternative): string => `${formatUsd(priceMarginal(usage).usd)} ${name}`;
  return {
    figure: makeFigure({
      figure: `usd_per_million_events_${name}`,
      value: bill.usd,
      unit: "USD",
      baseline: [D1_INSERT_PER_EVENT, R2_PUT_PER_EVENT].map(priceOf).join(", "),
      ...(target === undefined ? {} : { target }),
    }),
    notes: [
      `Billed operations per million events, ${name} (from ${measured}):`,
      ...formatBill(bill),
      `  not in the sum: ${formatNumber(1e6 / eventsPerRequest)} HTTP requests; their CPU was ${formatNumber(cpuMsPerRequest)} ms each here, of the whole runtime`,
    ],
  };
}
