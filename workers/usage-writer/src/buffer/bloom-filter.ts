import { ID_WORDS } from "./append-request.ts";

const BITS_PER_ID = 16;
/** The best number of probes for sixteen bits an id: about one false answer in two thousand. */
const PROBES = 11;

/** A Bloom filter over packed ids, one bit per bit of the array; its size is a power of two. */
export function createFilter(ids: Uint32Array): Uint32Array {
  const count = ids.length / ID_WORDS;
  const filter = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(1, (count * BITS_PER_ID) / 32))));
  const mask = filter.length * 32 - 1;
  for (let at = 0; at < ids.length; at += ID_WORDS) {
    let bit = ids[at + 1] ?? 0;
    let step = ids[at + 2] ?? 0;
    for (let probe = 0; probe < PROBES; probe++) {
      bit &= mask;
      filter[bit >>> 5] = (filter[bit >>> 5] ?? 0) | (1 << (bit & 31));
      bit += step & mask;
      step += probe;
    }
  }
  return filter;
}

/**
 * False only if the id at word `at` of `ids` is certainly not among those of the filter. The words are digests already, so two
 * of them give all probes, by enhanced double hashing. The first word chose the page and tells nothing here.
 */
export function mayContain(filter: Uint32Array, ids: Uint32Array, at: number): boolean {
  const mask = filter.length * 32 - 1;
  let bit = ids[at + 1] ?? 0;
  let step = ids[at + 2] ?? 0;
  for (let probe = 0; probe < PROBES; probe++) {
    bit &= mask;
    if (((filter[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    bit += step & mask;
    step += probe;
  }
  return true;
}
