const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Deterministic ids that look like Stripe's: the same seed and counter give the same id. */
export function formatObjectId(prefix: string, seed: number, counter: number): string {
  const random = createRandom(seed, counter);
  let tail = "";
  while (tail.length < 24) tail += alphabet.charAt(random(alphabet.length));
  return `${prefix}_${tail}`;
}

/** Returns draws of `0 .. below - 1` (mulberry32), never the ambient generator. */
export function createRandom(seed: number, stream = 0): (below: number) => number {
  let state = (Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b)) | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
