import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JSON_DEPTH_MAX } from "../limits.ts";
import { ExactJsonError, ExactNumber, parseExactJson } from "./exact-json.ts";

const exact = (source: string) => new ExactNumber(source);

function codeOf(text: string): string {
  try {
    parseExactJson(text);
  } catch (error) {
    return error instanceof ExactJsonError ? error.code : "another error";
  }
  return "parsed";
}

describe("exact JSON", () => {
  it.each(["9007199254740993", "1.10", "0.1000000", "1e309", "-0", "1E400", "123456789012.123456"])(
    "keeps the digits of a quantity: %s",
    (source) => {
      expect(parseExactJson(`{"qty": ${source} }`)).toEqual({ qty: exact(source) });
      expect(parseExactJson(`[{"data":{"value":${source}}}]`)).toEqual([{ data: { value: exact(source) } }]);
    },
  );

  it("keeps the digits of the last of two equal keys", () => {
    expect(parseExactJson('{"qty":1.10,"qty":2.20}')).toEqual({ qty: exact("2.20") });
  });

  it("leaves numbers under other keys and quantities in strings as they are", () => {
    expect(parseExactJson('{"status":200,"qty":"1.10","n":[1]}')).toEqual({ status: 200, qty: "1.10", n: [1] });
  });

  it("keeps the digits under the keys it is given", () => {
    expect(parseExactJson('{"tokens":1.0,"qty":2}', new Set(["tokens"]))).toEqual({ tokens: exact("1.0"), qty: 2 });
  });

  it("reads what JSON.parse reads when no quantity is in it", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        fc.pre(!/"(?:qty|value)"/.test(text));
        expect(parseExactJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("turns __proto__ and constructor into ordinary properties", () => {
    const value = parseExactJson('{"__proto__":{"qty":5},"constructor":{"prototype":{"polluted":true}}}') as object;
    expect(Object.hasOwn(value, "__proto__")).toBe(true);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it("takes nesting up to the limit and refuses it beyond", () => {
    const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    expect(codeOf(nested(JSON_DEPTH_MAX))).toBe("parsed");
    expect(codeOf(nested(JSON_DEPTH_MAX + 1))).toBe("too_deep");
    expect(codeOf('{"a":'.repeat(100_000))).toBe("too_deep");
  });

  it("does not take brackets inside strings for nesting", () => {
    const text = JSON.stringify({ path: '["\\['.repeat(50), list: Array.from({ length: 100 }, () => []) });
    expect(parseExactJson(text)).toEqual(JSON.parse(text));
  });

  it.each(["", "{", "NaN", '{"qty":0x10}', '{"qty":+1}', '{"qty":.5}', "{'a':1}", '{"a":1}}', "\uFEFF{}", '"\n"'])(
    "refuses %j as malformed",
    (text) => {
      expect(codeOf(text)).toBe("malformed");
    },
  );

  it("does not repeat the text in its errors", () => {
    expect(() => parseExactJson('{"password":"hunter2"')).toThrow(/^the text is not JSON$/);
  });
});
