import { mayContain } from "./bloom-filter.ts";
import { DigestTable, type IdMatch } from "./digest-table.ts";
import { lastAtMost, searchPage } from "./segment.ts";

/** What memory keeps of a run: sorted pages of ids in storage, together one sorted list. */
export interface SealedRun {
  run: number;
  /** When the newest of its ids were sealed. */
  sealedMs: number;
  /** First id of each page. */
  firsts: Uint32Array;
  /** One filter a page; absent where the filters' memory is spent: then the page is read at each look-up. */
  filters: (Uint32Array | undefined)[];
}

/** Reads a page of a run, counted from 0. */
export type ReadPage = (run: number, position: number) => Uint32Array;

/** All ids of the dedupe window: recent ones in an exact table, sealed ones in runs of which memory holds a directory. */
export class DedupeIndex {
  readonly hot = new DigestTable();
  readonly #readPage: ReadPage;
  #runs: readonly SealedRun[];

  constructor(runs: readonly SealedRun[], readPage: ReadPage) {
    this.#runs = runs;
    this.#readPage = readPage;
  }

  get runs(): readonly SealedRun[] {
    return this.#runs;
  }

  set runs(runs: readonly SealedRun[]) {
    this.#runs = runs;
  }

  match(ids: Uint32Array, at: number): IdMatch {
    const recent = this.hot.match(ids, at);
    if (recent !== "absent") return recent;
    for (const run of this.#runs) {
      const match = this.#matchRun(run, ids, at);
      if (match !== "absent") return match;
    }
    return "absent";
  }

  #matchRun({ run, firsts, filters }: SealedRun, ids: Uint32Array, at: number): IdMatch {
    const position = lastAtMost(firsts, ids, at);
    if (position < 0) return "absent";
    const filter = filters[position];
    if (filter !== undefined && !mayContain(filter, ids, at)) return "absent";
    return searchPage(this.#readPage(run, position), ids, at);
  }
}
