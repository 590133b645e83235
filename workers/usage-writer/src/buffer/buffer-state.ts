import { BACKLOG_CHARS_MAX, BACKLOG_EVENTS_MAX, BACKLOG_IDS_MAX, FILTER_BYTES_MAX, REPLAY_IDS_MAX } from "../limits.ts";
import { type AppendRequest, ID_WORDS } from "./append-request.ts";
import type { ReplayNote } from "./decide-group.ts";
import { DedupeIndex } from "./dedupe-index.ts";
import type { FreshRows } from "./flush-plan.ts";
import type { ObjectRow, BufferStorage } from "./storage.ts";

/** What an object keeps in memory; all of it can be rebuilt from storage. */
export interface BufferState {
  tenantId: string;
  shard: number;
  nextSeq: number;
  events: number;
  chars: number;
  /** Ids in buffered rows: events' and requests' own. */
  idCount: number;
  /** Requests that wait for the next commit. */
  waiting: RequestSize;
  /** Ids noted for repeated requests. */
  replayIds: number;
  /** What came in since the last flush began; this alone says when the next one is due. */
  fresh: FreshRows;
  index: DedupeIndex;
  /** Storage may hold something else by now: the state is to be rebuilt before it is used. */
  isStale: boolean;
}

/** What a request may add to the backlog. */
export interface RequestSize {
  events: number;
  idCount: number;
}

/** Counts a request's events and ids. */
export const sizeOf = ({ lines, ids, claim }: AppendRequest): RequestSize => ({
  events: lines.length,
  idCount: ids.length / ID_WORDS + (claim === undefined ? 0 : 1),
});

/** Rebuilds the state of an object from its rows. */
export function loadState(storage: BufferStorage, object: ObjectRow, nowMs: number): BufferState {
  const { last, events, chars, idCount } = storage.sumBatches();
  return {
    tenantId: object.tenantId,
    shard: object.shard,
    nextSeq: (last ?? object.flushedSeq) + 1,
    events,
    chars,
    idCount,
    waiting: { events: 0, idCount: 0 },
    replayIds: storage.countReplayIds(),
    fresh: { events, chars, idCount, sinceMs: last !== undefined ? nowMs : undefined },
    index: loadIndex(storage),
    isStale: false,
  };
}

/** Changes storage and memory with it. A change that fails may have taken effect all the same, so memory is not believed then. */
export function changeTogether(state: BufferState, change: () => void): void {
  state.isStale = true;
  change();
  state.isStale = false;
}

function loadIndex(storage: BufferStorage): DedupeIndex {
  const index = new DedupeIndex(storage.runs.list(FILTER_BYTES_MAX), (...page) => storage.runs.readPage(...page));
  for (const ids of storage.runs.segmentIds()) index.hot.addAll(ids);
  for (const ids of storage.batchIds()) index.hot.addAll(ids);
  return index;
}

/** Whether a request of this size would exceed the backlog that is allowed. */
export function isFull({ waiting, ...state }: BufferState, { events, idCount }: RequestSize): boolean {
  return (
    state.events + waiting.events + events > BACKLOG_EVENTS_MAX ||
    state.idCount + waiting.idCount + idCount > BACKLOG_IDS_MAX ||
    state.chars > BACKLOG_CHARS_MAX
  );
}

/** Those notes of repeated requests for which there is room. */
export function takeNotes(state: BufferState, notes: readonly ReplayNote[]): ReplayNote[] {
  return notes.filter(({ duplicates }) => {
    const idCount = duplicates.length / ID_WORDS;
    if (state.replayIds + idCount > REPLAY_IDS_MAX) return false;
    state.replayIds += idCount;
    return true;
  });
}
