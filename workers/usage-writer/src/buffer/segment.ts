import { ID_WORDS } from "./append-request.ts";
import type { IdMatch } from "./digest-table.ts";

/** Order of two ids by their key digests. */
export function compareIds(left: Uint32Array, leftAt: number, right: Uint32Array, rightAt: number): number {
  for (let word = 0; word < 4; word++) {
    const difference = (left[leftAt + word] ?? 0) - (right[rightAt + word] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Packed ids in ascending order. */
export function sortIds(ids: Uint32Array): Uint32Array {
  const count = ids.length / ID_WORDS;
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  order.sort((a, b) => compareIds(ids, a * ID_WORDS, ids, b * ID_WORDS));
  const sorted = new Uint32Array(ids.length);
  order.forEach((from, to) => {
    sorted.set(ids.subarray(from * ID_WORDS, (from + 1) * ID_WORDS), to * ID_WORDS);
  });
  return sorted;
}

/** Sorted ids cut into pages of at most `pageIds`. */
export function splitPages(sorted: Uint32Array, pageIds: number): Uint32Array[] {
  const pages: Uint32Array[] = [];
  for (let at = 0; at < sorted.length; at += pageIds * ID_WORDS) {
    pages.push(sorted.slice(at, at + pageIds * ID_WORDS));
  }
  return pages;
}

/** Looks for the id at word `at` of `ids` in a sorted page. */
export function searchPage(page: Uint32Array, ids: Uint32Array, at: number): IdMatch {
  const position = lastAtMost(page, ids, at);
  const found = position * ID_WORDS;
  if (position < 0 || compareIds(page, found, ids, at) !== 0) return "absent";
  return page[found + 4] === ids[at + 4] && page[found + 5] === ids[at + 5] ? "same" : "other";
}

/** Position of the last id of a sorted column that is not above the one at word `at` of `ids`; -1 if there is none. */
export function lastAtMost(sorted: Uint32Array, ids: Uint32Array, at: number): number {
  let low = 0;
  let high = sorted.length / ID_WORDS;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareIds(sorted, middle * ID_WORDS, ids, at) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Several packed columns as one. */
export function concatIds(parts: readonly Uint32Array[]): Uint32Array {
  const joined = new Uint32Array(parts.reduce((words, part) => words + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
