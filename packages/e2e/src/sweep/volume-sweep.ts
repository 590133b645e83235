import { createRandom } from "../bench/statistics.ts";
import { Client, formRequest, type RequestForm, type UsageRequest } from "./client.ts";
import { createEventSource, type EventSource, type SentEvent } from "./event-source.ts";
import type { Strike } from "./fault-plan.ts";
import type { Harness } from "./harness.ts";
import { type Comparison, Ledger } from "./ledger.ts";
import { advance, settle, type SweepClock } from "./settle.ts";

/** How much is sent, and what goes wrong meanwhile. */
export interface VolumeSweepOptions {
  seed: number;
  startMs: number;
  /** Different events; copies come on top. */
  events: number;
  /** Share of all calls that go wrong. */
  faultRate: number;
}

/** What became of all events. */
export interface VolumeSweepReport extends Comparison {
  events: number;
  sent: number;
  requests: number;
  retried: number;
  duplicates: number;
  strikes: number;
  bySite: Record<string, number>;
  restarts: number;
  outageMinutes: number;
  seconds: number;
}

const COPY_SHARE = 0.3;
const BATCH_EVENTS_MIN = 400;
const BATCH_EVENTS_MAX = 1_001;
const REQUESTS_AT_ONCE = 4;
const RETRIES_AT_ONCE = 6;
const COPY_STRETCH = 1_000;
const FORMS: readonly RequestForm[] = ["array", "lines", "array", "keyed", "array", "lines", "single"];
const TENANTS = 6;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const OUTAGE_MINUTES = 59;
/** Copies are of events at most this old: older ones would be refused for their time. */
const COPY_AGE_MS_MAX = 20 * 24 * HOUR_MS;

interface Traffic {
  options: VolumeSweepOptions;
  random: () => number;
  source: EventSource;
  /** Clock at which each event was first made, by its number. */
  born: number[];
  /** Events without an id exist in one request only: all copies of them come from sending that again. */
  keyed: Set<number>;
  /** First event that may still be copied. */
  copyFrom: number;
}

/** Sends events with copies while calls fail, objects die, aggregators overlap and R2 is away for 59 minutes; then compares. */
export async function sweepVolume(harness: Harness, options: VolumeSweepOptions): Promise<VolumeSweepReport> {
  const startedMs = performance.now();
  const { seed, startMs, events } = options;
  const tenantIds = Array.from({ length: TENANTS }, (_, index) => `v${seed}-${index}`);
  const clock: SweepClock = { nowMs: startMs };
  const ledger = new Ledger();
  const client = new Client(harness, ledger);
  const traffic: Traffic = {
    options,
    random: createRandom(seed),
    source: createEventSource(seed, tenantIds),
    born: [],
    keyed: new Set(),
    copyFrom: 0,
  };
  const strikes: Strike[] = [];
  let restarts = 0;
  const outages = [Math.floor(events * 0.4)];
  const closes = [Math.floor(events * 0.7)];
  await harness.reset(clock.nowMs, tenantIds);
  for (let round = 0; traffic.born.length < events; round += 1) {
    if (isDue(outages, traffic)) await surviveOutage(harness, { client, traffic, clock });
    if (isDue(closes, traffic)) await harness.closeCycle(new Date(clock.nowMs).toISOString().slice(0, 7));
    await harness.arm({ seed: seed + round, rate: options.faultRate });
    restarts += await runRound(harness, { client, traffic, clock });
    strikes.push(...(await harness.heal()).strikes);
    await passTime(harness, { client, traffic, clock });
  }
  await settle(harness, clock, client);
  await harness.deliverLate();
  await settle(harness, clock, client);
  const { sent, requests, retried, duplicates } = client;
  return {
    ...ledger.compare(await harness.readTotals()),
    events: traffic.born.length,
    sent,
    requests,
    retried,
    duplicates,
    restarts,
    strikes: strikes.length,
    bySite: Object.fromEntries(
      Array.from(
        Map.groupBy(strikes, ({ site, mode }) => `${site} ${mode}`),
        ([name, some]) => [name, some.length],
      ),
    ),
    outageMinutes: OUTAGE_MINUTES,
    seconds: (performance.now() - startedMs) / 1_000,
  };
}

/** Takes the next of some numbers of events once it is reached. */
function isDue(due: number[], { born }: Traffic): boolean {
  if (born.length < (due[0] ?? Infinity)) return false;
  due.shift();
  return true;
}

interface Scene {
  client: Client;
  traffic: Traffic;
  clock: SweepClock;
}

/** Requests, flushes, restarts and aggregators, all at once. Returns the objects that were restarted. */
async function runRound(harness: Harness, { client, traffic, clock }: Scene): Promise<number> {
  const { random } = traffic;
  const requests = Array.from({ length: REQUESTS_AT_ONCE }, () => makeRequest(traffic, clock));
  const again = client.waiting.splice(0, RETRIES_AT_ONCE);
  client.retried += again.length;
  const restartSeed = Math.floor(random() * 0x7fffffff);
  const [restarted] = await Promise.all([
    random() < 0.15 ? harness.restartObjects(0.5, restartSeed) : 0,
    ...[...requests, ...again].map((request) => client.send(request)),
    harness.fireAlarms(),
    random() < 0.2 ? harness.aggregate(2) : undefined,
  ]);
  return restarted;
}

/** Mostly minutes pass between rounds; now and then an hour, or a day; late effects come when much has happened since. */
async function passTime(harness: Harness, { traffic, clock }: Scene): Promise<void> {
  const { random } = traffic;
  const draw = random();
  await advance(harness, clock, draw < 0.01 ? 25 * HOUR_MS : draw < 0.04 ? HOUR_MS : Math.floor(draw * 3 * MINUTE_MS));
  if (random() < 0.3) await harness.deliverLate();
  while ((traffic.born[traffic.copyFrom] ?? Infinity) < clock.nowMs - COPY_AGE_MS_MAX) traffic.copyFrom += 1;
}

/** R2 is away for 59 minutes while usage keeps coming. */
async function surviveOutage(harness: Harness, { client, traffic, clock }: Scene): Promise<void> {
  await harness.breakBucket(clock.nowMs + OUTAGE_MINUTES * MINUTE_MS);
  for (let minute = 0; minute < OUTAGE_MINUTES; minute += 1) {
    await client.send(makeRequest(traffic, clock));
    await harness.fireAlarms();
    if (minute % 15 === 0) await harness.aggregate(1);
    await advance(harness, clock, MINUTE_MS);
  }
}

function makeRequest(traffic: Traffic, { nowMs }: SweepClock): UsageRequest {
  const { random, source, born, keyed, options, copyFrom } = traffic;
  const isDone = born.length >= options.events;
  const form = isDone ? "single" : (FORMS[Math.floor(random() * FORMS.length)] ?? "array");
  const count = form === "single" ? 1 : BATCH_EVENTS_MIN + Math.floor(random() * (BATCH_EVENTS_MAX - BATCH_EVENTS_MIN));
  const events: SentEvent[] = [];
  const stretch = random();
  while (events.length < count) {
    const isSpent = born.length >= options.events;
    if (isSpent && form === "keyed") break;
    const isCopy = isSpent || (form !== "keyed" && random() < COPY_SHARE && born.length > copyFrom);
    const index = isCopy ? pickCopy(traffic, stretch) : born.length;
    if (isCopy && keyed.has(index)) continue;
    if (!isCopy) {
      born.push(nowMs);
      if (form === "keyed") keyed.add(index);
    }
    events.push(source.make(index, born[index] ?? nowMs));
  }
  return formRequest(events, form);
}

/** A recent event, or one of a stretch of earlier ones that the request draws from. */
function pickCopy({ random, born, copyFrom }: Traffic, stretch: number): number {
  const from = random() < 0.5 ? born.length - COPY_STRETCH : copyFrom + stretch * (born.length - copyFrom);
  return Math.min(born.length - 1, Math.max(copyFrom, Math.floor(from + random() * COPY_STRETCH)));
}
