import { ID_WORDS } from "./append-request.ts";

/** What is known of an id: nothing, the same content, or other content. */
export type IdMatch = "absent" | "same" | "other";

/** Whether an id of a column is set; events without an id have zeros. */
export function hasId(ids: Uint32Array, at: number): boolean {
  return (ids[at] ?? 0) !== 0 || (ids[at + 1] ?? 0) !== 0 || (ids[at + 2] ?? 0) !== 0 || (ids[at + 3] ?? 0) !== 0;
}

const SLOTS_MIN = 1_024;

/** An exact set of ids in one typed array (open addressing, at most half full): 48 bytes an id and nothing to collect. */
export class DigestTable {
  #slots = new Uint32Array(SLOTS_MIN * ID_WORDS);
  #mask = SLOTS_MIN - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param at index of the id's first word in `ids`. */
  match(ids: Uint32Array, at: number): IdMatch {
    const slot = this.#find(ids, at);
    if (!hasId(this.#slots, slot)) return "absent";
    return this.#slots[slot + 4] === ids[at + 4] && this.#slots[slot + 5] === ids[at + 5] ? "same" : "other";
  }

  /** Adds an id that {@link match} found absent. */
  add(ids: Uint32Array, at: number): void {
    if (this.#size * 2 > this.#mask) this.#grow();
    const slot = this.#find(ids, at);
    for (let word = 0; word < ID_WORDS; word++) this.#slots[slot + word] = ids[at + word] ?? 0;
    this.#size++;
  }

  addAll(ids: Uint32Array): void {
    for (let at = 0; at < ids.length; at += ID_WORDS) {
      if (this.match(ids, at) === "absent") this.add(ids, at);
    }
  }

  #find(ids: Uint32Array, at: number): number {
    const slots = this.#slots;
    let index = (ids[at] ?? 0) & this.#mask;
    for (;;) {
      const slot = index * ID_WORDS;
      if (!hasId(slots, slot)) return slot;
      if (
        slots[slot] === ids[at] &&
        slots[slot + 1] === ids[at + 1] &&
        slots[slot + 2] === ids[at + 2] &&
        slots[slot + 3] === ids[at + 3]
      ) {
        return slot;
      }
      index = (index + 1) & this.#mask;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#mask = this.#mask * 2 + 1;
    this.#slots = new Uint32Array((this.#mask + 1) * ID_WORDS);
    for (let at = 0; at < old.length; at += ID_WORDS) {
      if (hasId(old, at)) this.#slots.set(old.subarray(at, at + ID_WORDS), this.#find(old, at));
    }
  }
}
