import { mayContain } from "./bloom-filter.ts";
import { DigestTable, type IdMatch } from "./digest-table.ts";
import { compareIds, lastAtMost, searchPage } from "./segment.ts";

/** What memory keeps of a sorted page of ids in storage. */
export interface PageEntry {
  page: number;
  /** Its first id. */
  first: Uint32Array;
  /** Absent when the filters' memory is spent: then the page is read at each look-up. */
  filter?: Uint32Array;
}

/** Pages that were sealed together, in the order of their first ids; together they are one sorted list. */
export interface SealedRun {
  run: number;
  pages: PageEntry[];
}

/**
 * All ids of the dedupe window. Recent ones are in an exact table; sealed ones in sorted pages in storage, of which memory
 * holds a directory and ten filter bits an id: some 130,000 recent and 25 million sealed ids fit in half of the isolate.
 */
export class DedupeIndex {
  readonly hot = new DigestTable();
  readonly #runs: readonly SealedRun[];
  readonly #readPage: (page: number) => Uint32Array;

  constructor(runs: readonly SealedRun[], readPage: (page: number) => Uint32Array) {
    this.#runs = runs;
    this.#readPage = readPage;
  }

  match(ids: Uint32Array, at: number): IdMatch {
    const recent = this.hot.match(ids, at);
    if (recent !== "absent") return recent;
    for (const { pages } of this.#runs) {
      const match = this.#matchRun(pages, ids, at);
      if (match !== "absent") return match;
    }
    return "absent";
  }

  #matchRun(pages: readonly PageEntry[], ids: Uint32Array, at: number): IdMatch {
    const position = lastAtMost(pages.length, (index) => {
      const entry = pages[index];
      return entry === undefined ? 1 : compareIds(entry.first, 0, ids, at);
    });
    const entry = pages[position];
    if (entry === undefined) return "absent";
    if (entry.filter !== undefined && !mayContain(entry.filter, ids, at)) return "absent";
    return searchPage(this.#readPage(entry.page), ids, at);
  }
}
