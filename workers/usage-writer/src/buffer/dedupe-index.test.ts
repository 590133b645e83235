import { describe, expect, it } from "vitest";
import { createRandom } from "../usage-test-kit.ts";
import { ID_WORDS } from "./append-request.ts";
import { createFilter, mayContain } from "./bloom-filter.ts";
import { DedupeIndex } from "./dedupe-index.ts";
import { DigestTable, hasId } from "./digest-table.ts";
import { compareIds, concatIds, searchPage, sortIds, splitPages } from "./segment.ts";

const SEEDS = [11, 12, 13];

/** Random ids; a small range of words makes equal first words, and so collisions and ties, common. */
function makeIds(random: () => number, count: number, range = 2 ** 32): Uint32Array {
  return Uint32Array.from({ length: count * ID_WORDS }, (_, index) =>
    index % ID_WORDS < 2 ? Math.floor(random() * range) : Math.floor(random() * 2 ** 32),
  );
}

const positionsOf = (ids: Uint32Array): number[] =>
  Array.from({ length: ids.length / ID_WORDS }, (_, index) => index * ID_WORDS);

const withOtherContent = (ids: Uint32Array, at: number): Uint32Array => {
  const changed = ids.slice(at, at + ID_WORDS);
  changed[ID_WORDS - 1] = (changed[ID_WORDS - 1] ?? 0) ^ 1;
  return changed;
};

describe("DigestTable", () => {
  it.each(SEEDS)("finds all that was added and nothing else, over several growths (seed %i)", (seed) => {
    const random = createRandom(seed);
    const [added, others] = [makeIds(random, 5_000, 64), makeIds(random, 5_000, 64)];
    const table = new DigestTable();
    table.addAll(added);
    expect(table.size).toBe(5_000);
    expect(positionsOf(added).filter((at) => table.match(added, at) !== "same")).toEqual([]);
    expect(positionsOf(added).filter((at) => table.match(withOtherContent(added, at), 0) !== "other")).toEqual([]);
    expect(positionsOf(others).filter((at) => table.match(others, at) !== "absent")).toEqual([]);
  });

  it("takes an id once and skips what has none", () => {
    const table = new DigestTable();
    const ids = Uint32Array.of(0, 0, 0, 7, 1, 1, 0, 0, 0, 7, 1, 1);
    table.addAll(ids);
    expect(table.size).toBe(1);
    expect([hasId(ids, 0), hasId(new Uint32Array(ID_WORDS), 0)]).toEqual([true, false]);
  });
});

describe("sorted pages", () => {
  it.each(SEEDS)("hold every id in order, and a search finds exactly these (seed %i)", (seed) => {
    const random = createRandom(seed);
    const ids = makeIds(random, 3_000, 16);
    const pages = splitPages(sortIds(ids), 257);
    const joined = concatIds(pages);
    expect(joined).toHaveLength(ids.length);
    const disorder = positionsOf(joined).filter((at) => at > 0 && compareIds(joined, at - ID_WORDS, joined, at) >= 0);
    expect(disorder).toEqual([]);
    for (const page of pages.slice(0, 3)) {
      expect(positionsOf(page).filter((at) => searchPage(page, page, at) !== "same")).toEqual([]);
      expect(searchPage(page, withOtherContent(page, 0), 0)).toBe("other");
    }
    const others = makeIds(random, 500, 16);
    const found = positionsOf(others).filter((at) => pages.some((page) => searchPage(page, others, at) !== "absent"));
    expect(found).toEqual([]);
  });
});

describe("the filter of a page", () => {
  it("never denies an id of its page and rarely claims another", () => {
    const random = createRandom(21);
    const [ids, others] = [makeIds(random, 2_048), makeIds(random, 200_000)];
    const filter = createFilter(ids);
    expect(filter.byteLength).toBe(2_048 * 2);
    expect(createFilter(ids.slice(0, ID_WORDS)).byteLength).toBe(4);
    expect(positionsOf(ids).filter((at) => !mayContain(filter, ids, at))).toEqual([]);
    expect(positionsOf(others).filter((at) => mayContain(filter, others, at)).length).toBeLessThan(200_000 * 0.001);
  });
});

describe("DedupeIndex", () => {
  it.each(SEEDS)("answers as a plain map does, wherever an id lies (seed %i)", (seed) => {
    const random = createRandom(seed);
    const runs = [0, 1, 2].map((run) =>
      splitPages(sortIds(makeIds(random, 700, 32)), 100).map((page) => ({ run, page })),
    );
    const stored = runs.flat().map(({ page }) => page);
    const index = new DedupeIndex(
      runs.map((pages, run) => ({
        run,
        sealedMs: run,
        firsts: concatIds(pages.map(({ page }) => page.slice(0, ID_WORDS))),
        filters: pages.map(({ page }, position) => (position % 2 === 0 ? createFilter(page) : undefined)),
      })),
      (run, position) => runs[run]?.[position]?.page ?? new Uint32Array(0),
    );
    const hot = makeIds(random, 300, 32);
    index.hot.addAll(hot);
    const model = new Map<string, string>();
    const nameOf = (ids: Uint32Array, at: number): string => ids.subarray(at, at + 4).join();
    const contentOf = (ids: Uint32Array, at: number): string => ids.subarray(at + 4, at + ID_WORDS).join();
    for (const ids of [...stored, hot]) {
      for (const at of positionsOf(ids)) model.set(nameOf(ids, at), contentOf(ids, at));
    }

    const probes = concatIds([...stored, hot, makeIds(random, 1_000, 32)]);
    for (const at of positionsOf(probes)) {
      if (random() < 0.3) probes[at + 5] = 1;
      const known = model.get(nameOf(probes, at));
      const expected = known === undefined ? "absent" : known === contentOf(probes, at) ? "same" : "other";
      expect(index.match(probes, at)).toBe(expected);
    }
    expect(model.size).toBe(2_400);
  });
});
