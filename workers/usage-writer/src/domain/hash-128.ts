const CHARS_PER_BLOCK = 8;

/**
 * Writes 128 bits of a text into four words: MurmurHash3_x86_128 (Austin Appleby, public domain) over UTF-16 code units, a
 * missing rest as zeros. Even spread and no secret: for texts whose sender gains nothing by a collision.
 */
export function writeHash128(text: string, target: Uint32Array, at: number): void {
  const { length } = text;
  let [h1, h2, h3, h4] = [0, 0, 0, 0];
  for (let index = 0; index < length; index += CHARS_PER_BLOCK) {
    h1 ^= scramble(wordAt(text, index), 0x239b961b, 15, 0xab0e9789);
    h1 = (Math.imul(rotate(h1, 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 ^= scramble(wordAt(text, index + 2), 0xab0e9789, 16, 0x38b34ae5);
    h2 = (Math.imul(rotate(h2, 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 ^= scramble(wordAt(text, index + 4), 0x38b34ae5, 17, 0xa1e38b93);
    h3 = (Math.imul(rotate(h3, 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 ^= scramble(wordAt(text, index + 6), 0xa1e38b93, 18, 0x239b961b);
    h4 = (Math.imul(rotate(h4, 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = finish(h1);
  h2 = finish(h2);
  h3 = finish(h3);
  h4 = finish(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  target[at] = h1;
  target[at + 1] = h2 + h1;
  target[at + 2] = h3 + h1;
  target[at + 3] = h4 + h1;
}

function wordAt(text: string, index: number): number {
  const low = index < text.length ? text.charCodeAt(index) : 0;
  return index + 1 < text.length ? low | (text.charCodeAt(index + 1) << 16) : low;
}

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

function scramble(word: number, before: number, bits: number, after: number): number {
  return Math.imul(rotate(Math.imul(word, before), bits), after);
}

function finish(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
