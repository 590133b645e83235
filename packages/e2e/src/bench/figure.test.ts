import { expect, test } from "vitest";
import { formatNumber, formatTable, makeFigure } from "./figure.ts";

const base = { figure: "rate", unit: "x", baseline: "nothing | much" };

test("a value that reaches its target exactly holds", () => {
  expect(makeFigure({ ...base, value: 0.8, target: { atLeast: 0.8 } }).ok).toBe(true);
  expect(makeFigure({ ...base, value: 2.5, target: { atMost: 2.5 } }).ok).toBe(true);
});

test("a value beyond its target misses, in either direction", () => {
  expect(makeFigure({ ...base, value: 0.7999, target: { atLeast: 0.8 } }).ok).toBe(false);
  expect(makeFigure({ ...base, value: 2.501, target: { atMost: 2.5 } }).ok).toBe(false);
});

test("a value that must be exact misses by one, however large it is", () => {
  expect(makeFigure({ ...base, value: 40_000, target: { exactly: 40_000 } })).toMatchObject({
    ok: true,
    target: "= 40000",
  });
  expect(makeFigure({ ...base, value: 40_001, target: { exactly: 40_000 } }).ok).toBe(false);
});

test("what could not be measured misses its target and is null in JSON", () => {
  const figure = makeFigure({ ...base, value: Number.NaN, target: { atLeast: 0 } });
  expect(figure.ok).toBe(false);
  expect(JSON.parse(JSON.stringify(figure))).toEqual({ ...figure, value: null });
});

test("a figure has the members of the JSON line and no other", () => {
  const members = ["figure", "value", "unit", "baseline", "target", "ok"];
  expect(Object.keys(makeFigure({ ...base, value: 1 })).toSorted()).toEqual(members.toSorted());
});

test("the table says NO where a target is missed and nothing where there is none", () => {
  const table = formatTable([
    makeFigure({ ...base, value: 1, target: { atLeast: 2 } }),
    makeFigure({ ...base, value: 3, target: { atLeast: 2 } }),
    makeFigure({ ...base, value: 1_234.5 }),
  ]);
  const cells = table.split("\n").map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
  expect(cells.map((row) => row[5])).toEqual(["ok", expect.stringMatching(/^-+$/), "NO", "yes", ""]);
  expect(cells[4]?.[2]).toBe("1,235");
  expect(cells[2]?.[6]).toBe("nothing \\| much");
});

test("numbers show the digits that matter", () => {
  expect([1_234_567.8, 12.345, 0.01234, 0].map(formatNumber)).toEqual(["1,234,568", "12.35", "0.0123", "0"]);
  expect(formatNumber(Number.NaN)).toBe("-");
});
