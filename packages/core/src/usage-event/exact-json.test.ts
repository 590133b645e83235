import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JSON_DEPTH_MAX } from "../limits.ts";
import { ExactJsonError, ExactNumber, parseExactJson, parseRevived, QUANTITY_KEYS } from "./exact-json.ts";

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

/** What a text comes to by the rule: a value, or nothing for text that is not JSON. */
function readBy(parse: () => unknown): { value: unknown } | "malformed" {
  try {
    return { value: parse() };
  } catch {
    return "malformed";
  }
}

function expectRule(text: string, keys: ReadonlySet<string>): void {
  expect(readBy(() => parseExactJson(text, keys))).toStrictEqual(readBy(() => parseRevived(text, keys)));
}

const KEY_SETS = [
  QUANTITY_KEYS,
  ...[["tokens"], ["0", "qty"], [""], ["__proto__"], ["a|b", "qty"], []].map((keys) => new Set(keys)),
];
const keySets = fc.constantFrom(...KEY_SETS);
const KEY_TEXTS = ['"qty"', '"value"', '"tokens"', '"0"', '""', '"__proto__"', '"a|b"', "qty"];
const PUNCTUATION = ['"', ":", ",", "{", "}", "[", "]", " ", "\n", "\u00a0", "\ufeff"];
const VALUE_TEXTS = [
  "1",
  "-0",
  "1.10",
  "1e309",
  "01",
  "1.",
  "-",
  "0x1",
  "12345678901234567890",
  "true",
  '"1"',
  "$1",
  "$&",
];
const TRICKS = ["\\", '\\"', "\\u0071", "\\u007f", "\u007f", '"\u007f1"', '"\\u007f1"', '"\\u0071ty"'];
const fragments = fc.constantFrom(...KEY_TEXTS, ...PUNCTUATION, ...VALUE_TEXTS, ...TRICKS);
const hostileTexts = fc.array(fragments, { maxLength: 24 }).map((parts) => parts.join(""));
const names = fc.constantFrom("qty", "value", "tokens", "0", "", "__proto__", "a|b", "path", 'x"qty":1', "\u007f");
const numbers = fc.constantFrom("1", "-0", "1.10", "1e309", "0.1000000", "12345678901234567890", "-1E+2");
const spaces = fc.constantFrom("", "", " ", "\n\t", "\r ");
const texts = fc.constantFrom("1", "\u007f1", '"qty":1,', '"', "\\", "/v1", "é", "{", "\ufffd");
const validTexts = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    numbers,
    texts.map((text) => JSON.stringify(text)),
    fc.array(tie("node"), { maxLength: 3 }).map((items) => `[${items.join(" , ")}]`),
    fc
      .array(fc.tuple(names, spaces, spaces, tie("node"), spaces), { maxLength: 4 })
      .map((members) =>
        members.map(([name, a, b, item, c]) => `${a}${JSON.stringify(name)}${b}:${a}${item}${c}`).join(","),
      )
      .map((members) => `{${members}}`),
  ),
})).node;

describe("the short cut for quantities", () => {
  it("reads every valid text as the rule does", () => {
    fc.assert(
      fc.property(validTexts, keySets, (text, keys) => expectRule(text, keys)),
      { numRuns: 2_000 },
    );
  });

  it("reads and refuses hostile texts as the rule does", () => {
    fc.assert(
      fc.property(hostileTexts, keySets, (text, keys) => {
        expectRule(text, keys);
        expectRule(`{"qty":${text}}`, keys);
        expectRule(`[{"path":"${text}","value":1.10}]`, keys);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    '{"path":"\u007f5","qty":1}',
    '{"qty":"\u007f5"}',
    '{"qty":"\\u007f5","value":2.0}',
    '{"\\u0071ty":1.10}',
    '{"path":"\\",\\"qty\\":2}","qty":1.10}',
    '["qty",1.10,{"qty":[1.10],"value":{"qty":1.0}}]',
    '{"a":"qty","qty" :\n1.0\t}',
    '{"__proto__":{"qty":1.0},"qty":{"__proto__":2.0}}',
    '{"a"qty":1}',
    '["qty":1]',
    '{"qty":1 2}',
    '{"qty":1]',
  ])("reads %j as the rule does", (text) => {
    for (const keys of KEY_SETS) expectRule(text, keys);
  });

  it("marks no number that is not one, and forges none from a marked string", () => {
    expect(parseExactJson('{"qty":"\u007f5"}')).toEqual({ qty: "\u007f5" });
    expect(parseExactJson('{"qty":"\\u007f5"}')).toEqual({ qty: "\u007f5" });
  });
});
