import { ProblemError, type FieldError } from "@prego/core/problem";
import type { Deps } from "./deps.ts";
import { FunnelBatch, readFunnelEvent, toFunnelRow } from "./domain/funnel-event.ts";
import { insertFunnelEvents } from "./store/funnel-events.ts";

/** What became of a request's events. */
export interface FunnelReceipt {
  accepted: number;
  /** Events whose client id was known. */
  duplicates: number;
  rejected: number;
  /** What is wrong with the rejected ones. */
  errors: FieldError[];
}

export interface FunnelRequest {
  /** The parsed body: one event, or `{ events: […] }`. */
  body: object;
  /** Trace id of the request; a single event without its own inherits it, a batch may mix journeys. */
  traceId: string | null;
  /** Key of the fingerprints of addresses. */
  key: string;
}

/** Stores the events that are valid; one bad event never costs the others. */
export async function ingestFunnelEvents(deps: Deps, { body, traceId, key }: FunnelRequest): Promise<FunnelReceipt> {
  const isBatch = Object.hasOwn(body, "events");
  const reads = isBatch
    ? readEvents(body).map((event) => readFunnelEvent(event, null))
    : [readFunnelEvent(body, traceId)];
  const facts = reads.flatMap((read) => ("event" in read ? [read.event] : []));
  const errors = reads.flatMap((read, index) =>
    "errors" in read ? read.errors.map((error) => (isBatch ? locate(error, index) : error)) : [],
  );
  const rejected = reads.length - facts.length;
  if (facts.length === 0) {
    const members = { accepted: 0, duplicates: 0, rejected };
    throw new ProblemError(isBatch ? "all_events_rejected" : "validation_failed", { errors, members });
  }
  const context = { key, nowMs: deps.now() };
  const rows = await Promise.all(facts.map((fact) => toFunnelRow(fact, context)));
  const accepted = await insertFunnelEvents(deps.db, rows);
  return { accepted, duplicates: rows.length - accepted, rejected, errors };
}

const locate = ({ pointer, message }: FieldError, index: number): FieldError => ({
  pointer: `/events/${index}${pointer}`,
  message,
});

function readEvents(body: object): unknown[] {
  const batch = FunnelBatch.safeParse(body);
  if (batch.success) return batch.data.events;
  throw new ProblemError("validation_failed", {
    errors: batch.error.issues.map(({ path, message, code }) => ({
      pointer: path.map((part) => `/${String(part)}`).join(""),
      message: code === "unrecognized_keys" ? "Unknown member" : message,
    })),
  });
}
