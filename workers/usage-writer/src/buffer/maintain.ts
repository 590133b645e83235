import {
  DEDUPE_WINDOW_MS,
  FILTER_BYTES_MAX,
  HOT_IDS_MAX,
  IDLE_MAINTENANCE_MS,
  MAINTENANCE_MS,
  MERGE_STEP_PAGES,
  PAGE_IDS,
} from "../limits.ts";
import { type BufferState, changeTogether } from "./buffer-state.ts";
import { DedupeIndex, type SealedRun } from "./dedupe-index.ts";
import { planMerge, RunMerge } from "./merge-runs.ts";
import { concatIds, sortIds, splitPages } from "./segment.ts";
import type { BufferStorage, ObjectRow } from "./storage.ts";

/** Whether more ids are held in the exact table than it is meant for. */
export function isHot(state: BufferState): boolean {
  return state.index.hot.size > HOT_IDS_MAX;
}

/** Moves the flushed ids from the exact table into a run. Ids that are still buffered stay where they are. */
export function sealIds(storage: BufferStorage, state: BufferState, nowMs: number): void {
  const ids = concatIds([...storage.runs.segmentIds()]);
  if (ids.length === 0) return;
  const pages = splitPages(sortIds(ids), PAGE_IDS);
  changeTogether(state, () => {
    const run = storage.runs.replaceSegments(pages, nowMs);
    const runs = limitFilters([run, ...state.index.runs]);
    const index = new DedupeIndex(runs, (...page) => storage.runs.readPage(...page));
    for (const buffered of storage.batchIds()) index.hot.addAll(buffered);
    state.index = index;
  });
}

/** When an object is to be looked after: at any time it has one such alarm, so that none outlives its tenant. */
export function maintenanceDueMs(storage: BufferStorage, { maintainedMs }: ObjectRow): number {
  return maintainedMs + (storage.holdsIds() ? MAINTENANCE_MS : IDLE_MAINTENANCE_MS);
}

/** The daily care of ids: seals those of the day, forgets those past the dedupe window. */
export function maintainIds(storage: BufferStorage, state: BufferState, nowMs: number): void {
  sealIds(storage, state, nowMs);
  changeTogether(state, () => {
    storage.expireIds(nowMs);
    state.index.runs = state.index.runs.filter(({ sealedMs }) => sealedMs >= nowMs - DEDUPE_WINDOW_MS);
    state.replayIds = storage.countReplayIds();
  });
}

/**
 * Merges runs where they are too many; each turn moves a few pages, and requests may be taken between turns. The runs are read
 * as before until the last turn puts the merged one in their place.
 */
export function* mergeRuns(storage: BufferStorage, state: BufferState, nowMs: number): Generator<undefined> {
  const runs = planMerge(state.index.runs, nowMs);
  if (runs === undefined) return;
  const merge = new RunMerge(runs, (...page) => storage.runs.readPage(...page));
  const merged = storage.runs.start(Math.max(...runs.map(({ sealedMs }) => sealedMs)));
  for (let pages = merge.take(MERGE_STEP_PAGES); pages.length > 0; pages = merge.take(MERGE_STEP_PAGES)) {
    storage.runs.append(merged, pages);
    yield;
  }
  changeTogether(state, () => {
    storage.runs.complete(merged, runs);
    state.index.runs = limitFilters([merged, ...state.index.runs.filter((run) => !runs.includes(run))]);
  });
}

/** Lets go of the filters of the oldest runs once they take more memory than they may. */
function limitFilters(runs: readonly SealedRun[]): SealedRun[] {
  const newestFirst = runs.toSorted((a, b) => b.sealedMs - a.sealedMs);
  let bytes = 0;
  for (const run of newestFirst) {
    run.filters = run.filters.map((filter) => {
      bytes += filter?.byteLength ?? 0;
      return bytes > FILTER_BYTES_MAX ? undefined : filter;
    });
  }
  return newestFirst;
}
