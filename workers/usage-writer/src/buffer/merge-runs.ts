import { MERGE_PAGES_MAX, PAGE_IDS, RUN_SPAN_MS, RUNS_PER_SPAN_MAX } from "../limits.ts";
import { ID_WORDS } from "./append-request.ts";
import type { ReadPage, SealedRun } from "./dedupe-index.ts";
import { compareIds } from "./segment.ts";

const spanOf = (ms: number): number => Math.floor(ms / RUN_SPAN_MS);

/**
 * Which runs become one, undefined if none need to. A span of days that is over is one run; the current one has a few. A run
 * never crosses spans, so that no id is kept longer than the window and a span.
 */
export function planMerge(runs: readonly SealedRun[], nowMs: number): SealedRun[] | undefined {
  for (const [span, some] of Map.groupBy(runs, ({ sealedMs }) => spanOf(sealedMs))) {
    if (some.length <= (span < spanOf(nowMs) ? 1 : RUNS_PER_SPAN_MAX)) continue;
    const bySize = some.toSorted((a, b) => a.filters.length - b.filters.length);
    const wanted = span < spanOf(nowMs) ? bySize : bySize.slice(0, RUNS_PER_SPAN_MAX);
    const fitting = takeFitting(wanted);
    if (fitting.length > 1) return fitting;
  }
  return undefined;
}

function takeFitting(smallestFirst: readonly SealedRun[]): SealedRun[] {
  let pages = 0;
  const end = smallestFirst.findIndex(({ filters }) => {
    pages += filters.length;
    return pages > MERGE_PAGES_MAX;
  });
  return smallestFirst.slice(0, end === -1 ? undefined : end);
}

interface Cursor {
  run: SealedRun;
  position: number;
  page: Uint32Array;
  at: number;
}

/** Reads several runs as one sorted list, with one page of each in memory. */
export class RunMerge {
  readonly #readPage: ReadPage;
  #cursors: Cursor[];

  constructor(runs: readonly SealedRun[], readPage: ReadPage) {
    this.#readPage = readPage;
    this.#cursors = runs.map((run) => ({ run, position: 0, page: readPage(run.run, 0), at: 0 }));
  }

  /** The next pages, at most so many; none at the end. */
  take(pagesMax: number): Uint32Array[] {
    const pages: Uint32Array[] = [];
    while (pages.length < pagesMax && this.#cursors.length > 0) pages.push(this.#takePage());
    return pages;
  }

  #takePage(): Uint32Array {
    const page = new Uint32Array(PAGE_IDS * ID_WORDS);
    let length = 0;
    while (length < page.length) {
      const least = this.#findLeast();
      if (least === undefined) break;
      for (let word = 0; word < ID_WORDS; word++) page[length++] = least.page[least.at++] ?? 0;
      if (least.at === least.page.length) this.#turnPage(least);
    }
    return length === page.length ? page : page.slice(0, length);
  }

  #findLeast(): Cursor | undefined {
    let [least] = this.#cursors;
    for (const cursor of this.#cursors) {
      if (least !== undefined && compareIds(cursor.page, cursor.at, least.page, least.at) < 0) least = cursor;
    }
    return least;
  }

  #turnPage(cursor: Cursor): void {
    cursor.position++;
    cursor.at = 0;
    if (cursor.position < cursor.run.filters.length) cursor.page = this.#readPage(cursor.run.run, cursor.position);
    else this.#cursors = this.#cursors.filter((other) => other !== cursor);
  }
}
