import { ID_WORDS } from "./append-request.ts";

const BITS_PER_ID = 10;
/** The best number of probes for ten bits an id: about one false answer in a hundred. */
const PROBES = 7;

/** A Bloom filter over packed ids, one bit per bit of the array. */
export function createFilter(ids: Uint32Array): Uint32Array {
  const count = ids.length / ID_WORDS;
  const filter = new Uint32Array(Math.max(1, Math.ceil((count * BITS_PER_ID) / 32)));
  for (let at = 0; at < ids.length; at += ID_WORDS) {
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = bitOf(ids, at, probe, filter.length * 32);
      filter[bit >>> 5] = (filter[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  }
  return filter;
}

/** False only if the id at word `at` of `ids` is certainly not among those of the filter. */
export function mayContain(filter: Uint32Array, ids: Uint32Array, at: number): boolean {
  for (let probe = 0; probe < PROBES; probe++) {
    const bit = bitOf(ids, at, probe, filter.length * 32);
    if (((filter[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}

// The words are digests already, so two of them give all probes. The first word chose the page and tells nothing here.
function bitOf(ids: Uint32Array, at: number, probe: number, bits: number): number {
  return ((ids[at + 1] ?? 0) + probe * (ids[at + 2] ?? 0)) % bits;
}
