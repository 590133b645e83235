import { expect, test } from "vitest";
import { createRandom, median, percentile } from "./statistics.ts";

test("the median is the middle value, or the mean of the two in the middle", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test("the median compares numbers, not their texts", () => {
  expect(median([100, 9, 20])).toBe(20);
});

test("a percentile is the smallest value that the share does not exceed", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(hundred, 0.99)).toBe(99);
  expect(percentile(hundred, 0.5)).toBe(50);
  expect(percentile(hundred, 1)).toBe(100);
  expect(percentile(hundred, 0)).toBe(1);
  expect(percentile([7], 0.99)).toBe(7);
  expect(percentile([], 0.5)).toBeNaN();
});

test("a seed repeats its numbers, and another one does not", () => {
  const take = (seed: number): number[] => Array.from({ length: 5 }, createRandom(seed));
  expect(take(1)).toEqual(take(1));
  expect(take(1)).not.toEqual(take(2));
  expect(take(1).every((value) => value >= 0 && value < 1)).toBe(true);
});
