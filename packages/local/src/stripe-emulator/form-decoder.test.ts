import { describe, expect, test } from "vitest";
import { decodeForm, type FormObject, type FormValue } from "./form-decoder.ts";
import { createRandom } from "./object-id.ts";

const seed = 20_261_121;
const runs = 500;

describe("decodeForm", () => {
  test("reads what it wrote, whatever the tree and the characters", () => {
    const draw = createRandom(seed);
    for (let run = 0; run < runs; run += 1) {
      const tree = growObject(draw, 0);
      const decoded = decodeForm(encodeForm(tree));
      expect(JSON.stringify(decoded), `seed ${seed}, run ${run}`).toBe(JSON.stringify(tree));
    }
  });

  test("reads encoded brackets, plus signs and lists without an index", () => {
    expect(toPlain(decodeForm("metadata%5Ba%20b%5D=x+y&expand[]=one&expand[]=two&flag"))).toEqual({
      metadata: { "a b": "x y" },
      expand: { "0": "one", "1": "two" },
      flag: "",
    });
  });

  test("keeps a key named __proto__ as data", () => {
    const decoded = decodeForm("metadata[__proto__]=x&constructor=y");
    expect(Object.keys(decoded["metadata"] as FormObject)).toEqual(["__proto__"]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
    expect(decoded["constructor"]).toBe("y");
  });

  test.each(["a=%E0%A4%A", "a=1&a[b]=2", "a[b]=2&a=1", `a${"[b]".repeat(20)}=1`])("refuses %s", (text) => {
    expect(() => decodeForm(text)).toThrow(expect.objectContaining({ status: 400 }));
  });
});

function encodeForm(value: FormObject): string {
  const pairs: string[] = [];
  const write = (key: string, item: FormValue): void => {
    if (typeof item === "string") pairs.push(`${key}=${encodeURIComponent(item)}`);
    else for (const name of Object.keys(item)) write(`${key}[${encodeURIComponent(name)}]`, item[name] as FormValue);
  };
  for (const name of Object.keys(value)) write(encodeURIComponent(name), value[name] as FormValue);
  return pairs.join("&");
}

function growObject(draw: (below: number) => number, depth: number): FormObject {
  const node: FormObject = {};
  const size = 1 + draw(4);
  for (let index = 0; index < size; index += 1) {
    const name = draw(3) === 0 ? String(index) : `k${growText(draw, false)}`;
    node[name] = depth < 3 && draw(3) === 0 ? growObject(draw, depth + 1) : growText(draw, true);
  }
  return node;
}

/** Names leave out brackets, which the wire has no escape for. */
function growText(draw: (below: number) => number, isValue: boolean): string {
  const characters = ["a", "Z", "0", " ", "&", "=", "+", "%", "é", "한", "😀", "'", ".", "-", "_"];
  if (isValue) characters.push("[", "]", "\n");
  return Array.from({ length: draw(6) }, () => characters[draw(characters.length)]).join("");
}

function toPlain(value: FormObject): unknown {
  return JSON.parse(JSON.stringify(value));
}
