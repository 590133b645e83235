import { expect, test } from "vitest";
import { runRounds } from "./rounds.ts";

test("contenders take turns, round by round", async () => {
  const seen: string[] = [];
  const contender = (name: string) => (round: number) => {
    seen.push(`${name}${round}`);
    return Promise.resolve(round);
  };
  const results = await runRounds(3, { a: contender("a"), b: contender("b") });
  expect(seen).toEqual(["a0", "b0", "a1", "b1", "a2", "b2"]);
  expect(results).toEqual({ a: [0, 1, 2], b: [0, 1, 2] });
});
