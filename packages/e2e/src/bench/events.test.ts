import { expect, test } from "vitest";
import { createEventMaker } from "./events.ts";

test("no id comes twice, and a seed repeats every body", () => {
  const make = createEventMaker(7);
  const bodies = [...make.single("t1", 50), ...make.batches("t1", 3, 10)];
  const ids = bodies
    .flatMap((body) => [JSON.parse(body) as { id: string } | { id: string }[]].flat())
    .map(({ id }) => id);
  expect(ids).toHaveLength(80);
  expect(new Set(ids).size).toBe(80);
  const again = createEventMaker(7);
  expect([...again.single("t1", 50), ...again.batches("t1", 3, 10)]).toEqual(bodies);
});
