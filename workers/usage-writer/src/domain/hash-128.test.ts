import { describe, expect, it } from "vitest";
import { writeHash128 } from "./hash-128.ts";

function hashOf(text: string): Uint32Array {
  const words = new Uint32Array(4);
  writeHash128(text, words, 0);
  return words;
}

/** The text whose UTF-16 code units are these bytes, two by two, low byte first. */
const textOfBytes = (ascii: string): string =>
  String.fromCharCode(...new Uint16Array(new TextEncoder().encode(ascii).buffer));

describe("writeHash128", () => {
  it("is MurmurHash3_x86_128 of the text's code units where these fill whole blocks", () => {
    // By a plain reading of the published algorithm in big integers; the length counts code units instead of bytes.
    const words = Array.from(hashOf(textOfBytes("0123456789abcdef0123456789ABCDEF")), (word) => word.toString(16));
    expect(words).toEqual(["87a480da", "85839c41", "9eb896c", "27b8d3c7"]);
  });

  it("gives different words to texts that differ in one place, in length, or in trailing zeros", () => {
    const texts = ["", "\0", "\0\0", "\0".repeat(8), "\0".repeat(9), "a", "b", "ab", "ba", "\u6161", "aa", "a\0"];
    for (let index = 0; index < 40; index++) texts.push(`${"x".repeat(index)}y${"x".repeat(39 - index)}`);
    expect(new Set(texts.map((text) => hashOf(text).join())).size).toBe(texts.length);
  });

  it("shares no 32 bits more often than chance between ids that count upwards", () => {
    const count = 50_000;
    const hashes = Array.from({ length: count }, (_, index) => hashOf(`2:0:t1event-${index}`));
    for (let word = 0; word < 4; word++) {
      // Pairs of n random words that are equal: n^2 / 2^33, 0.3 here.
      expect(new Set(hashes.map((hash) => hash[word])).size).toBeGreaterThan(count - 6);
    }
    for (let bit = 0; bit < 128; bit++) {
      const ones = hashes.filter((hash) => (((hash[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1).length;
      expect(Math.abs(ones - count / 2)).toBeLessThan(700);
    }
  });
});
