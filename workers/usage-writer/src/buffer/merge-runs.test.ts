import { describe, expect, it } from "vitest";
import { FILTER_BYTES_MAX, MAINTENANCE_MS, DEDUPE_WINDOW_MS, MERGE_PAGES_MAX } from "../limits.ts";
import { createRandom } from "../usage-test-kit.ts";
import { ID_WORDS } from "./append-request.ts";
import type { SealedRun } from "./dedupe-index.ts";
import { planMerge, RunMerge } from "./merge-runs.ts";
import { concatIds, sortIds, splitPages } from "./segment.ts";

const FILTER_BYTES = 4_096;

const runOf = (run: number, sealedMs: number, pages: number): SealedRun => ({
  run,
  sealedMs,
  firsts: new Uint32Array(0),
  filters: Array.from({ length: pages }, () => undefined),
});

/** Days of an object that seals so many runs of so many pages a day. */
function simulate(days: number, sealsADay: number, sealPages: number) {
  let runs: SealedRun[] = [];
  let next = 1;
  const peak = { runs: 0, pages: 0, mergePages: 0 };
  let [sealed, merged] = [0, 0];
  for (let seal = 1; seal <= days * sealsADay; seal++) {
    const nowMs = (seal * MAINTENANCE_MS) / sealsADay;
    runs = [runOf(next++, nowMs, sealPages), ...runs];
    sealed += sealPages;
    if (seal % sealsADay === 0) runs = runs.filter(({ sealedMs }) => sealedMs >= nowMs - DEDUPE_WINDOW_MS);
    const chosen = planMerge(runs, nowMs);
    if (chosen !== undefined) {
      const pages = chosen.reduce((sum, { filters }) => sum + filters.length, 0);
      peak.mergePages = Math.max(peak.mergePages, pages);
      const sealedMs = Math.max(...chosen.map((run) => run.sealedMs));
      runs = [...runs.filter((run) => !chosen.includes(run)), runOf(next++, sealedMs, pages)];
      merged += pages;
    }
    peak.runs = Math.max(peak.runs, runs.length);
    peak.pages = Math.max(
      peak.pages,
      runs.reduce((sum, { filters }) => sum + filters.length, 0),
    );
  }
  return { peak, rewrites: merged / sealed };
}

describe("planMerge", () => {
  it.each([
    ["a quiet tenant", 1, 1],
    ["a tenant of 25 million ids in 35 days", 8, 44],
  ])("keeps the runs of %s few for a few rewrites of each page, however long it goes on", (_name, seals, pages) => {
    const { peak, rewrites } = simulate(120, seals, pages);
    expect(peak.runs).toBeLessThanOrEqual(13);
    expect(peak.mergePages).toBeLessThanOrEqual(MERGE_PAGES_MAX);
    expect(rewrites).toBeLessThan(4.5);
    expect(peak.pages * FILTER_BYTES).toBeLessThanOrEqual(FILTER_BYTES_MAX);
  });
});

describe("RunMerge", () => {
  it("reads every id of its runs once and in order, a few pages at a time", () => {
    const random = createRandom(5);
    const runs = [1, 5_000, 2_048, 7_000].map((count) => {
      const ids = Uint32Array.from({ length: count * ID_WORDS }, () => Math.floor(random() * 2 ** 32));
      return splitPages(sortIds(ids), 2_048);
    });
    const merge = new RunMerge(
      runs.map((pages, run) => runOf(run, 0, pages.length)),
      (run, position) => runs[run]?.[position] ?? new Uint32Array(0),
    );
    const taken: Uint32Array[] = [];
    for (let pages = merge.take(3); pages.length > 0; pages = merge.take(3)) {
      expect(pages.length).toBeLessThanOrEqual(3);
      taken.push(...pages);
    }
    expect(taken.slice(0, -1).every(({ length }) => length === 2_048 * ID_WORDS)).toBe(true);
    expect(concatIds(taken)).toEqual(sortIds(concatIds(runs.flat())));
  });
});
