import { ID_WORDS } from "./append-request.ts";
import { createFilter } from "./bloom-filter.ts";
import type { SealedRun } from "./dedupe-index.ts";
import { concatIds } from "./segment.ts";

// segments: ids of one flush. runs: sorted lists of many flushes' ids, cut into pages with a filter each; a run is read once it
// is complete. A page's number begins with its run's, so that a run is a range and needs no index.
export const RUN_TABLES = `
CREATE TABLE IF NOT EXISTS segments (seq INTEGER PRIMARY KEY, ids BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS runs (run INTEGER PRIMARY KEY, sealed_ms INTEGER NOT NULL, is_complete INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS pages (page INTEGER PRIMARY KEY, first BLOB NOT NULL, filter BLOB NOT NULL, ids BLOB NOT NULL);
`;

const RUN_PAGES_MAX = 2 ** 20;
const words = (blob: ArrayBuffer): Uint32Array => new Uint32Array(blob);

/** The part of a buffer's storage that holds flushed ids. */
export class RunStorage {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get #sql(): SqlStorage {
    return this.#storage.sql;
  }

  *segmentIds(): Iterable<Uint32Array> {
    const select = "SELECT ids FROM segments ORDER BY seq";
    for (const { ids } of this.#sql.exec<{ ids: ArrayBuffer }>(select)) yield words(ids);
  }

  /** Directory of all complete runs, newest first; filters as far as their memory goes. */
  list(filterBytesMax: number): SealedRun[] {
    type Row = { first: ArrayBuffer; filter: ArrayBuffer | null };
    let filterBytes = 0;
    const select =
      "SELECT run, sealed_ms AS sealedMs FROM runs WHERE is_complete = 1 ORDER BY sealed_ms DESC, run DESC";
    const found = this.#sql.exec<{ run: number; sealedMs: number }>(select).toArray();
    return found.map(({ run, sealedMs }) => {
      const firsts: Uint32Array[] = [];
      const filters: SealedRun["filters"] = [];
      const filter = filterBytes < filterBytesMax ? "filter" : "NULL AS filter";
      const pages = `SELECT first, ${filter} FROM pages WHERE page >= ? AND page < ? ORDER BY page`;
      for (const row of this.#sql.exec<Row>(pages, run * RUN_PAGES_MAX, (run + 1) * RUN_PAGES_MAX)) {
        filterBytes += row.filter?.byteLength ?? 0;
        firsts.push(words(row.first));
        filters.push(row.filter === null || filterBytes > filterBytesMax ? undefined : words(row.filter));
      }
      return { run, sealedMs, firsts: concatIds(firsts), filters };
    });
  }

  readPage(run: number, position: number): Uint32Array {
    const select = "SELECT ids FROM pages WHERE page = ?";
    return words(this.#sql.exec<{ ids: ArrayBuffer }>(select, run * RUN_PAGES_MAX + position).one().ids);
  }

  /** Puts a run of sealed pages in the place of all segments. */
  replaceSegments(pages: readonly Uint32Array[], nowMs: number): SealedRun {
    return this.#storage.transactionSync(() => {
      const run = this.start(nowMs);
      this.append(run, pages);
      this.#sql.exec("UPDATE runs SET is_complete = 1 WHERE run = ?", run.run);
      this.#sql.exec("DELETE FROM segments");
      return run;
    });
  }

  /** Begins a run that is not read before it is complete. */
  start(sealedMs: number): SealedRun {
    const insert =
      "INSERT INTO runs (run, sealed_ms, is_complete) SELECT coalesce(max(run), 0) + 1, ?, 0 FROM runs RETURNING run";
    const { run } = this.#sql.exec<{ run: number }>(insert, sealedMs).one();
    return { run, sealedMs, firsts: new Uint32Array(0), filters: [] };
  }

  /** Adds pages to the end of a run, in storage and in its directory. */
  append(run: SealedRun, pages: readonly Uint32Array[]): void {
    const firsts = [run.firsts];
    for (const ids of pages) {
      const [first, filter] = [ids.slice(0, ID_WORDS), createFilter(ids)];
      const page = run.run * RUN_PAGES_MAX + run.filters.length;
      this.#sql.exec("INSERT INTO pages (page, first, filter, ids) VALUES (?, ?, ?, ?)", page, first, filter, ids);
      firsts.push(first);
      run.filters.push(filter);
    }
    run.firsts = concatIds(firsts);
  }

  /**
   * Lets a run be read in the place of others.
   * @throws Error if something of it or them is no longer there; nothing has changed then.
   */
  complete({ run, filters }: SealedRun, replaced: readonly SealedRun[]): void {
    this.#storage.transactionSync(() => {
      const count = "SELECT count(*) AS pages FROM pages WHERE page >= ? AND page < ?";
      const range = [run * RUN_PAGES_MAX, (run + 1) * RUN_PAGES_MAX];
      const { pages } = this.#sql.exec<{ pages: number }>(count, ...range).one();
      this.#sql.exec("UPDATE runs SET is_complete = 1 WHERE run = ?", run);
      const isWhole = replaced.every((other) => this.#remove(other.run));
      if (pages !== filters.length || !isWhole) throw new Error("ids were moved by someone else meanwhile");
    });
  }

  /** Removes runs that were sealed before an instant, and those whose making was cut short. */
  expire(beforeMs: number): void {
    const select = "SELECT run FROM runs WHERE sealed_ms < ? OR is_complete = 0";
    for (const { run } of this.#sql.exec<{ run: number }>(select, beforeMs).toArray()) this.#remove(run);
  }

  #remove(run: number): boolean {
    this.#sql.exec("DELETE FROM pages WHERE page >= ? AND page < ?", run * RUN_PAGES_MAX, (run + 1) * RUN_PAGES_MAX);
    return this.#sql.exec("DELETE FROM runs WHERE run = ? RETURNING run", run).toArray().length === 1;
  }
}
