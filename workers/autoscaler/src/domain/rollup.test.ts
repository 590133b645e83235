import { describe, expect, it } from "vitest";
import type { MetricsSample } from "./metrics-sample.ts";
import { nearestRank, planRollups, SAMPLES_PER_WINDOW_MAX } from "./rollup.ts";

const START_MS = Date.UTC(2026, 10, 21, 2, 10);

const sample = (offsetMs: number, cpu: number | null, change: object = {}): MetricsSample => ({
  tsMs: START_MS + offsetMs,
  values: {
    cpu,
    memory: 50,
    disk: 30,
    load: null,
    error_rate: null,
    latency_ms: null,
    tenant_count: null,
    ...change,
  },
});

/** The window after these reports, in this order. */
function store(...reports: MetricsSample[][]) {
  let json = new Map<number, string>();
  let last;
  for (const report of reports) {
    last = planRollups(report, json);
    json = new Map([...json, ...last.changes.map(({ rollup }) => [rollup.windowMs, rollup.samplesJson] as const)]);
  }
  return { json, last };
}

describe("nearestRank", () => {
  it.each([
    [[7], 7],
    [[1, 2], 2],
    [Array.from({ length: 20 }, (_, index) => index + 1), 19],
    [Array.from({ length: 21 }, (_, index) => 21 - index), 20],
    [Array.from({ length: 100 }, (_, index) => index + 1), 95],
  ])("is a value that was measured, the smallest that 95 percent do not exceed (case %#)", (values, expected) => {
    expect(nearestRank(values, 95)).toBe(expected);
  });
});

describe("planRollups", () => {
  it("averages what was measured and leaves out what was not", () => {
    const { changes, accepted } = planRollups([sample(0, 10), sample(1, 20), sample(2, 90)], new Map());
    expect(accepted).toBe(3);
    expect(changes[0]?.rollup).toMatchObject({
      samples: 3,
      figures: { cpu: { avg: 40, p95: 90 }, memory: { avg: 50, p95: 50 }, load: { avg: null, p95: null } },
      tenantCount: null,
    });
  });

  it("ends at the same window in any order and with any repetition", () => {
    const samples = Array.from({ length: 150 }, (_, index) => sample(index * 3_000, index % 100));
    const once = store(samples).json;
    const reversed = store(samples.toReversed()).json;
    const inParts = store(samples.slice(70), samples.slice(0, 90), samples, samples.slice(100, 120)).json;
    expect(reversed).toEqual(once);
    expect(inParts).toEqual(once);
  });

  it("changes nothing for a repeated sample, even with other values", () => {
    const { last } = store([sample(0, 10)], [sample(0, 99)]);
    expect(last).toEqual({ changes: [], accepted: 0, duplicates: 1 });
  });

  it("fills in what the first part of a sample did not measure", () => {
    const { json } = store([sample(0, 10, { memory: null })], [sample(0, 99, { memory: 60 })]);
    expect(Object.values(JSON.parse(json.get(START_MS) ?? "{}") as object)).toEqual([
      expect.objectContaining({ cpu: 10, memory: 60 }),
    ]);
  });

  it("counts no sample for a window that does not know CPU, memory and disk", () => {
    expect(planRollups([sample(0, null)], new Map()).changes[0]?.rollup.samples).toBe(0);
  });

  it("keeps the newest samples of a full window", () => {
    const full = Array.from({ length: SAMPLES_PER_WINDOW_MAX }, (_, index) => sample(1_000 + index, 10));
    const { json, last } = store(full, [sample(0, 99)]);
    expect(last).toEqual({ changes: [], accepted: 0, duplicates: 1 });
    expect(Object.keys(JSON.parse(json.get(START_MS) ?? "{}") as object)).toHaveLength(SAMPLES_PER_WINDOW_MAX);
  });

  it("parts samples at the ten minutes", () => {
    const { changes } = planRollups([sample(-1, 1), sample(0, 2), sample(600_000, 3)], new Map());
    expect(changes.map(({ rollup }) => rollup.windowMs - START_MS)).toEqual([-600_000, 0, 600_000]);
  });
});
