import { describe, expect, it } from "vitest";
import { EVENTS_BACK_SECONDS, firstWindow, followWindow, type EventWindow } from "./event-window.ts";

const END = 10_000_000;

/** Stripe's answer: newest first, at most `limit`, after an id. */
function answer(created: readonly number[], { from, until, after }: EventWindow, limit: number) {
  const all = created
    .map((second, index) => ({ id: `${index}`, second }))
    .filter(({ second }) => second >= from && second < until)
    .toSorted((a, b) => b.second - a.second || Number(b.id) - Number(a.id));
  const start = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
  const page = all.slice(start, start + limit);
  return { page, hasMore: all.length > start + limit, lastId: page.at(-1)?.id };
}

describe("windows over Stripe's events", () => {
  it.each([
    ["none", [], 1],
    ["a few", [END - 5, END - 100, END - EVENTS_BACK_SECONDS], 1],
    ["many in one hour", Array.from({ length: 1_000 }, (_, index) => END - 3_600 + index * 3), 400],
    ["more in one second than fit on a page", Array.from({ length: 35 }, () => END - 50), 60],
    ["a month of them", Array.from({ length: 1_000 }, (_, index) => END - 1 - index * 2_505), 400],
  ])("see every event once, oldest second first, with %s", (_, created, callsMax) => {
    const seen: number[] = [];
    const ids = new Set<string>();
    let window: EventWindow | undefined = firstWindow(END);
    let calls = 0;
    while (window !== undefined && calls < 1_000) {
      const { page, hasMore, lastId } = answer(created, window, 10);
      calls += 1;
      const { isComplete, next } = followWindow(window, END, { hasMore, lastId });
      if (isComplete) {
        seen.push(...page.toReversed().map(({ second }) => second));
        for (const { id } of page) ids.add(id);
      }
      window = next;
    }
    expect(ids.size).toBe(created.length);
    expect(seen).toEqual(created.toSorted((a, b) => a - b));
    expect(calls).toBeLessThanOrEqual(callsMax);
  });
});
