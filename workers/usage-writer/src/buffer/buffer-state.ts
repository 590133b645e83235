import { BACKLOG_CHARS_MAX, BACKLOG_EVENTS_MAX, FILTER_BYTES_MAX } from "../limits.ts";
import { DedupeIndex } from "./dedupe-index.ts";
import type { FreshEvents } from "./flush-plan.ts";
import type { ObjectRow, BufferStorage } from "./storage.ts";

/** What an object keeps in memory; all of it can be rebuilt from storage. */
export interface BufferState {
  tenantId: string;
  shard: number;
  nextSeq: number;
  events: number;
  chars: number;
  /** Events of requests that wait for the next commit. */
  waitingEvents: number;
  /** What came in since the last flush began; this alone says when the next one is due. */
  fresh: FreshEvents;
  index: DedupeIndex;
}

/** Rebuilds the state of an object from its rows. */
export function loadState(storage: BufferStorage, object: ObjectRow, nowMs: number): BufferState {
  const { last, events, chars } = storage.sumBatches();
  return {
    tenantId: object.tenantId,
    shard: object.shard,
    nextSeq: (last ?? object.flushedSeq) + 1,
    events,
    chars,
    waitingEvents: 0,
    fresh: { events, chars, sinceMs: last !== undefined ? nowMs : undefined },
    index: loadIndex(storage),
  };
}

/** Rebuilds the ids alone, after segments became pages. */
export function loadIndex(storage: BufferStorage): DedupeIndex {
  const index = new DedupeIndex(storage.listRuns(FILTER_BYTES_MAX), (page) => storage.readPage(page));
  for (const ids of storage.segmentIds()) index.hot.addAll(ids);
  for (const ids of storage.batchIds()) index.hot.addAll(ids);
  return index;
}

/** Whether a request of so many events would exceed the backlog that is allowed. */
export function isFull(state: BufferState, events: number): boolean {
  return state.events + state.waitingEvents + events > BACKLOG_EVENTS_MAX || state.chars > BACKLOG_CHARS_MAX;
}
