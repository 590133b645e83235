import { expect, test } from "vitest";
import { MEASUREMENTS, readArguments } from "./arguments.ts";

test("without arguments everything is measured at full size and printed as a table", () => {
  expect(readArguments([])).toEqual({ only: MEASUREMENTS, json: false, writeDocs: false, scale: 1, seed: 1 });
});

test("single measurements are chosen by name, in the order asked for", () => {
  expect(readArguments(["--only", "piled_up", "--only", "ingest"]).only).toEqual(["piled_up", "ingest"]);
});

test.each([["--only", "nothing"], ["--scale", "0"], ["--scale", "2"], ["--seed", "x"], ["--unknown"]])(
  "refuses %s %s",
  (...args) => {
    expect(() => readArguments(args)).toThrow(Error);
  },
);

test("documents are written from a full run only", () => {
  expect(readArguments(["--write-docs"]).writeDocs).toBe(true);
  expect(() => readArguments(["--write-docs", "--scale", "0.5"])).toThrow(/full run/);
  expect(() => readArguments(["--write-docs", "--only", "ingest"])).toThrow(/full run/);
});
