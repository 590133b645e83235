import { HOT_IDS_MAX, IDLE_MAINTENANCE_MS, MAINTENANCE_MS, PAGE_IDS } from "../limits.ts";
import { createFilter } from "./bloom-filter.ts";
import { type BufferState, loadIndex } from "./buffer-state.ts";
import { ID_WORDS } from "./append-request.ts";
import { concatIds, sortIds, splitPages } from "./segment.ts";
import type { BufferStorage, ObjectRow } from "./storage.ts";

/** Whether more ids are held in the exact table than it is meant for. */
export function isHot(state: BufferState): boolean {
  return state.index.hot.size > HOT_IDS_MAX;
}

/** Moves the flushed ids from the exact table into sorted pages. Ids that are still buffered stay where they are. */
export function sealIds(storage: BufferStorage, state: BufferState, nowMs: number): void {
  const ids = concatIds([...storage.segmentIds()]);
  if (ids.length === 0) return;
  const pages = splitPages(sortIds(ids), PAGE_IDS);
  storage.replaceSegments(
    pages.map((page) => ({ first: page.slice(0, ID_WORDS), filter: createFilter(page), ids: page })),
    nowMs,
  );
  state.index = loadIndex(storage);
}

/** When an object is to be looked after: at any time it has one such alarm, so that none outlives its tenant. */
export function maintenanceDueMs(storage: BufferStorage, { maintainedMs }: ObjectRow): number {
  return maintainedMs + (storage.holdsIds() ? MAINTENANCE_MS : IDLE_MAINTENANCE_MS);
}

/** The daily care of ids: seals those of the day, forgets those past the dedupe window. */
export function maintainIds(storage: BufferStorage, state: BufferState, nowMs: number): void {
  sealIds(storage, state, nowMs);
  storage.expireIds(nowMs);
  state.replayIds = storage.countReplayIds();
  state.index = loadIndex(storage);
}
