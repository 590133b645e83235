import type { MeasuredUsage, SenderKind } from "./measured-usage.ts";
import type { Usage } from "./price-list.ts";
import { addUsage, scaleUsage } from "./price-usage.ts";

/** Another way to keep usage: one operation per event, nothing gathered. */
export interface Alternative {
  name: string;
  /** Per million events. */
  usage: Usage;
}

/** A million events, each an R2 object: its put, and the get that reads it for the bill. */
export const R2_PUT_PER_EVENT: Alternative = {
  name: "one R2 put per event",
  usage: { r2ClassA: 1_000_000, r2ClassB: 1_000_000 },
};

/** A million events, each a D1 row keyed by its id, no second index: its insert, and its delete after the dedupe window. */
export const D1_INSERT_PER_EVENT: Alternative = {
  name: "one D1 insert per event",
  usage: { d1RowsWritten: 2_000_000 },
};

/** A month of a whole installation. */
export interface Month {
  events: number;
  sender: SenderKind;
  tenants: number;
}

/** Events a request of each kind of sender holds. */
const EVENTS_PER_REQUEST: Record<SenderKind, number> = {
  oneByOne: 1,
  oneByOneAlone: 1,
  batches: 100,
  batchesAlone: 100,
};

const MILLION = 1_000_000;
/** Events of a flush that is full. */
const EVENTS_PER_FLUSH = 5_000;
/** Hours a month in which a tenant sends: eight a day. */
export const ACTIVE_HOURS = 240;
/** Flushes of a tenant that sends a little all the time: one each 300 s. */
const FLUSHES_PER_HOUR = 12;
/** Scheduled runs of the aggregator in 30 days. */
const RUNS = 30 * 24 * 4;

/** HTTP requests of a month and their CPU: the same whatever is done with the events. */
export function frontDoorUsage({ events, sender }: Month, measured: MeasuredUsage): Usage {
  const httpRequests = events / EVENTS_PER_REQUEST[sender];
  return { httpRequests, cpuMs: httpRequests * measured.cpuMsPerRequest[sender] };
}

/**
 * Metering of a month: what the events use, the flushes that time and not size made due, the aggregator's runs. Raw lines
 * and rows are those of one month; what is kept longer adds as much again each month.
 */
export function meteringUsage(month: Month, measured: MeasuredUsage): Usage {
  const full = month.events / EVENTS_PER_FLUSH;
  const flushes = countFlushes(month);
  return addUsage(
    scaleUsage(measured.perMillion[month.sender], month.events / MILLION),
    scaleUsage(measured.perFlush, flushes - full),
    scaleUsage(measured.perRun, RUNS),
    { d1GbMonths: (flushes * measured.objectRowBytes) / 1e9 },
  );
}

/** Flushes of a month: at 5,000 events, and at the end of every 300 s in which a tenant sent anything. */
export function countFlushes({ events, sender, tenants }: Month): number {
  const windows = tenants * ACTIVE_HOURS * FLUSHES_PER_HOUR;
  return Math.max(events / EVENTS_PER_FLUSH, Math.min(windows, events / EVENTS_PER_REQUEST[sender]));
}

/** Metering of a month done in another way. */
export const alternativeUsage = ({ usage }: Alternative, { events }: Month): Usage =>
  scaleUsage(usage, events / MILLION);
