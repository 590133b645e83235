import { cycleBounds, hourOf } from "@prego/core/period";
import { describe, expect, test } from "vitest";
import { createRandom } from "../random-test-kit.ts";
import { nameParts, prorate, startHours } from "./line-part.ts";
import { type PlanHistory, splitCycle } from "./parts.ts";

const CYCLE = "2026-11";
const { startMs, endMs } = cycleBounds(CYCLE);
const HOUR_MS = 60 * 60 * 1_000;
const at = (text: string): number => Date.parse(`2026-11-${text}Z`);
const always = (...plans: string[]): PlanHistory["versions"] =>
  new Map(plans.map((plan) => [plan, [{ version: 1, effectiveFromMs: 0 }]]));

/** Parts as `plan version first hour`. */
const show = (history: PlanHistory): string[] =>
  splitCycle(CYCLE, history).map((part) => `${part.planId} ${part.version} ${hourOf(part.startMs).slice(8)}`);

describe("a cycle", () => {
  test("without a change has one part", () => {
    expect(show({ changes: [{ planId: "a", atMs: at("20T00:00:00") }], versions: always("a") })).toEqual(["a 1 01T00"]);
  });

  test("is split in the hour in which the tenant moves, which belongs to the new plan", () => {
    const changes = [
      { planId: "a", atMs: 0 },
      { planId: "b", atMs: at("15T09:59:59.999") },
    ];
    expect(show({ changes, versions: always("a", "b") })).toEqual(["a 1 01T00", "b 1 15T09"]);
  });

  test("is split where a version of the plan in force begins, and not where one of another plan does", () => {
    const changes = [
      { planId: "a", atMs: 0 },
      { planId: "b", atMs: at("15T00:00:00") },
    ];
    const versions = new Map([
      [
        "a",
        [0, at("10T00:00:00"), at("20T00:00:00")].map((effectiveFromMs, i) => ({ version: i + 1, effectiveFromMs })),
      ],
      ["b", [at("12T00:00:00"), at("25T00:00:00")].map((effectiveFromMs, i) => ({ version: i + 1, effectiveFromMs }))],
    ]);
    expect(show({ changes, versions })).toEqual(["a 1 01T00", "a 2 10T00", "b 1 15T00", "b 2 25T00"]);
  });

  test.each(["01T00:00:00.000", "01T00:59:59.999"])("with a change at %s has the new plan alone", (time) => {
    const changes = [
      { planId: "a", atMs: 0 },
      { planId: "b", atMs: at(time) },
    ];
    expect(show({ changes, versions: always("a", "b") })).toEqual(["b 1 01T00"]);
  });

  test("is not split by a change of its end, by one that is taken back within the hour, or by a move to the same plan", () => {
    const changes = [
      { planId: "a", atMs: 0 },
      { planId: "a", atMs: at("03T00:00:00") },
      { planId: "b", atMs: at("15T09:10:00") },
      { planId: "a", atMs: at("15T09:50:00") },
      { planId: "b", atMs: endMs },
    ];
    expect(show({ changes, versions: always("a", "b") })).toEqual(["a 1 01T00"]);
  });

  test("with more changes than it has days is split at days, the last change of a day counting", () => {
    const flips = Array.from({ length: 700 }, (_, hour) => ({
      planId: hour % 2 === 0 ? "b" : "a",
      atMs: startMs + hour * HOUR_MS,
    }));
    const parts = splitCycle(CYCLE, { changes: [{ planId: "a", atMs: 0 }, ...flips], versions: always("a", "b") });
    expect(parts.length).toBeLessThanOrEqual(31);
    expect(parts.every((part) => part.startMs % (24 * HOUR_MS) === 0)).toBe(true);
  });
});

describe.each(Array.from({ length: 40 }, (_, seed) => seed))("parts of random histories, seed %i", (seed) => {
  const random = createRandom(seed);
  const moment = (): number => startMs - 5 * HOUR_MS + random(endMs - startMs + 10 * HOUR_MS);
  const plans = ["a", "b", "c"];
  const history: PlanHistory = {
    changes: Array.from({ length: 1 + random(6) }, () => ({
      planId: plans[random(3)] ?? "a",
      atMs: moment(),
    })).toSorted((left, right) => left.atMs - right.atMs),
    versions: new Map(
      plans.map((plan) => {
        const starts = Array.from({ length: 1 + random(3) }, moment).toSorted((left, right) => left - right);
        return [plan, starts.map((effectiveFromMs, index) => ({ version: index + 1, effectiveFromMs }))];
      }),
    ),
  };
  const parts = splitCycle(CYCLE, history);

  test("cover the cycle without gap or overlap, at whole hours, and differ from their neighbours", () => {
    expect(parts[0]?.startMs).toBe(startMs);
    expect(parts.at(-1)?.endMs).toBe(endMs);
    for (const [index, part] of parts.entries()) {
      const next = parts[index + 1];
      expect(part.startMs % HOUR_MS).toBe(0);
      expect(part.endMs).toBe(next?.startMs ?? endMs);
      expect([next?.planId, next?.version]).not.toEqual([part.planId, part.version]);
    }
  });

  test("share a whole exactly: no micro-unit is lost or granted twice", () => {
    const names = nameParts(CYCLE, startHours(parts));
    for (const whole of [0n, 1n, 719n, BigInt(random(1_000_000_000)), 10n ** 18n - 7n]) {
      const shares = names.map((part) => prorate(whole, CYCLE, part));
      expect(shares.reduce((sum, share) => sum + share, 0n)).toBe(whole);
      for (const share of shares) expect(share >= 0n && share <= whole).toBe(true);
    }
  });
});
