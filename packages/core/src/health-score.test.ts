import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DIMENSIONS, HEALTH_WINDOW_MS, type NodeScore, type NodeWindow, scoreNode } from "./health-score.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 2, 21);
const LAST_MS = Date.UTC(2026, 10, 21, 2, 10);

const IDLE: Omit<NodeWindow, "windowStartMs"> = {
  samples: 10,
  cpuAvg: 20,
  cpuP95: 30,
  memoryAvg: 40,
  memoryP95: 45,
  diskAvg: 50,
  diskP95: 50,
  loadAvg: 30,
  errorRateAvg: 0,
  latencyP95Ms: 100,
  tenantCount: 4,
};

/** Windows that end at LAST_MS, newest first; null is a window that was never reported. */
function windowsOf(...changes: (Partial<NodeWindow> | null)[]): NodeWindow[] {
  return changes.flatMap((change, index) =>
    change === null ? [] : [{ ...IDLE, windowStartMs: LAST_MS - index * HEALTH_WINDOW_MS, ...change }],
  );
}

const score = (...changes: (Partial<NodeWindow> | null)[]) => scoreNode(windowsOf(...changes), NOW_MS);
const healthOf = ({ health }: NodeScore) => (health === "UNKNOWN" ? -1 : health);
const BAND_ORDER = ["unhealthy", "degraded", "healthy"];

const SICK = { memoryAvg: 99, memoryP95: 99 };
const percent = fc.double({ min: 0, max: 100, noNaN: true });
const window = fc.record({
  samples: fc.constant(10),
  cpuAvg: percent,
  cpuP95: percent,
  memoryAvg: percent,
  memoryP95: percent,
  diskAvg: percent,
  diskP95: percent,
  loadAvg: fc.option(fc.double({ min: 0, max: 500, noNaN: true })),
  errorRateAvg: fc.option(percent),
  latencyP95Ms: fc.option(fc.double({ min: 0, max: 20_000, noNaN: true })),
  tenantCount: fc.option(fc.nat(200)),
});
const histories = fc.array(fc.option(window, { freq: 6 }), { minLength: 1, maxLength: 8 });

describe("the health of a node", () => {
  it("is 100 and healthy when nothing is wrong, with no point lost", () => {
    const { dimensions, ...rest } = score({}, {}, {});
    expect(rest).toEqual({ health: 100, band: "healthy", pressure: 45, missedWindows: 0 });
    expect(DIMENSIONS.map((name) => dimensions[name]?.lostPoints)).toEqual(DIMENSIONS.map(() => 0));
  });

  it("is 0.7 of the worst hard dimension and 0.3 of the weighted mean", () => {
    const { health, dimensions } = score({ memoryAvg: 89, memoryP95: 89 });
    expect(dimensions.memory).toEqual({ hard: true, weight: 3, value: 89, score: 50, lostPoints: 38 });
    expect(health).toBe(Math.round(0.7 * 50 + (0.3 * (16 * 100 - 3 * 50)) / 16));
  });

  it("is at most 20 with a disk of 95 % or more, however well the rest looks", () => {
    expect(healthOf(score({ diskAvg: 94.9, diskP95: 94.9 }))).toBeGreaterThan(20);
    expect(score({ diskAvg: 60, diskP95: 95 }).health).toBe(20);
    expect(healthOf(score({ diskAvg: 99, diskP95: 99 }))).toBeLessThanOrEqual(20);
  });

  it("does not call a busy node sick", () => {
    expect(score({ cpuAvg: 100, cpuP95: 100, loadAvg: 300 }, {}, {})).toMatchObject({ band: "healthy", pressure: 100 });
  });

  it("lets a spike of an average fade with a half-life of one window", () => {
    const healths = [1, 2, 3, 4, 5].map((age) => {
      const history = Array.from({ length: age }, () => ({}));
      return healthOf(score(...history, { errorRateAvg: 20 }));
    });
    expect(healths).toEqual(healths.toSorted((left, right) => left - right));
    expect(healths.at(-1)).toBe(100);
  });

  it("is no worse for what an agent does not measure, and shows that it does not", () => {
    const { health, dimensions } = score({ errorRateAvg: null, latencyP95Ms: null, loadAvg: null });
    expect(health).toBe(100);
    expect(Object.keys(dimensions)).toEqual(["memory", "disk", "staleness", "cpu"]);
  });
});

describe("a silent node", () => {
  const UNKNOWN = { health: "UNKNOWN", band: "unknown", pressure: undefined, dimensions: {} };

  it("is UNKNOWN after two missed windows, not idle", () => {
    expect(score(null, null, {}, {}, {})).toEqual({ ...UNKNOWN, missedWindows: 2 });
    expect(scoreNode([], NOW_MS, 10)).toEqual({ ...UNKNOWN, missedWindows: 6 });
    expect(scoreNode(windowsOf({}), NOW_MS + 365 * 86_400_000)).toEqual({ ...UNKNOWN, missedWindows: 6 });
  });

  it("loses points but stays known after one", () => {
    const { health, missedWindows, dimensions } = score(null, {}, {}, {});
    expect({ health, missedWindows, score: dimensions.staleness?.score }).toEqual({
      health: 78,
      missedWindows: 1,
      score: 70,
    });
  });

  it.each<Partial<NodeWindow>>([
    { samples: 0 },
    { cpuP95: null },
    { memoryAvg: null },
    { diskP95: Number.NaN },
    { diskAvg: -1 },
    { cpuAvg: Infinity },
  ])("is one whose windows say too little: %o", (fault) => {
    expect(score(fault, fault, {})).toEqual({ ...UNKNOWN, missedWindows: 2 });
  });

  it("is not made known by a window from the future", () => {
    const future = windowsOf({ windowStartMs: NOW_MS + 1 });
    expect(scoreNode(future, NOW_MS)).toEqual({ ...UNKNOWN, missedWindows: 6 });
  });

  it("is known by the window that is under way", () => {
    const current = windowsOf({ windowStartMs: LAST_MS + HEALTH_WINDOW_MS });
    expect(scoreNode(current, NOW_MS)).toMatchObject({ health: 100, missedWindows: 0 });
  });

  it("never scores better than one that goes on reporting the same", () => {
    fc.assert(
      fc.property(window, fc.integer({ min: 1, max: 7 }), (steady, length) => {
        const history = Array.from({ length }, () => steady);
        expect(healthOf(score(null, ...history))).toBeLessThanOrEqual(healthOf(score(steady, ...history)));
      }),
    );
  });

  it("keeps the pressure of its last report as long as it is known", () => {
    fc.assert(
      fc.property(window, histories, (last, older) => {
        expect(score(null, last, ...older).pressure).toBe(score(last, ...older).pressure);
      }),
    );
  });
});

describe("the band of a node", () => {
  it.each([
    ["unhealthy", [SICK, SICK, {}]],
    ["unhealthy", [SICK, {}, SICK]],
    ["healthy", [SICK, {}, {}, {}]],
    ["healthy", [{}, {}, SICK]],
    ["unhealthy", [{ diskP95: 96 }, { diskP95: 96 }, {}]],
  ])("is %s when 2 of the last 3 windows say so", (band, history) => {
    expect(score(...history).band).toBe(band);
  });

  it("of a new node is not unhealthy on the word of one window", () => {
    expect(score(SICK).band).toBe("degraded");
    expect(score({}).band).toBe("healthy");
    expect(score(SICK, {}).band).toBe("healthy");
    expect(score(SICK, SICK).band).toBe("unhealthy");
  });

  it("detects a fault within two windows", () => {
    const faults: Partial<NodeWindow>[] = [
      { diskAvg: 97, diskP95: 97 },
      { memoryAvg: 97, memoryP95: 98 },
      { errorRateAvg: 30 },
    ];
    const bands = faults.map((fault) => score(fault, fault, {}, {}, {}).band);
    expect(bands).toEqual(["unhealthy", "unhealthy", "unhealthy"]);
  });
});

describe("the pressure of a node", () => {
  it.each([
    [{ cpuP95: 81 }, 10, 81],
    [{ memoryP95: 82 }, 10, 82],
    [{ tenantCount: 9 }, 10, 90],
    [{ tenantCount: 12 }, 10, 120],
    [{ tenantCount: 0 }, 0, 100],
    [{ tenantCount: 12 }, undefined, 45],
  ])("is that of the scarcest resource: %o of %s", (change, capacity, pressure) => {
    expect(scoreNode(windowsOf(change), NOW_MS, capacity).pressure).toBe(pressure);
  });

  it("is not raised by a sick disk", () => {
    expect(score({ diskAvg: 99, diskP95: 99 }).pressure).toBe(45);
  });
});

describe("every score", () => {
  const METRICS = [
    "cpuAvg",
    "cpuP95",
    "memoryAvg",
    "memoryP95",
    "diskAvg",
    "diskP95",
    "loadAvg",
    "errorRateAvg",
    "latencyP95Ms",
    "tenantCount",
  ] as const;

  it("is an integer from 0 to 100, and its lost points add up", () => {
    fc.assert(
      fc.property(histories, fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }), (history, capacity) => {
        const { health, dimensions, pressure } = scoreNode(windowsOf(...history), NOW_MS, capacity);
        fc.pre(health !== "UNKNOWN" && pressure !== undefined);
        const lost = Object.values(dimensions).map(({ lostPoints }) => lostPoints);
        expect([health, pressure, ...lost].every((number) => Number.isInteger(number) && number >= 0)).toBe(true);
        expect(lost.reduce((sum, points) => sum + points, health)).toBe(100);
      }),
    );
  });

  it("never gets better when a metric gets worse, nor pressure lower", () => {
    fc.assert(
      fc.property(
        histories,
        fc.nat(7),
        fc.constantFrom(...METRICS),
        fc.double({ min: 0, max: 100, noNaN: true }),
        (history, at, metric, increase) => {
          const worse = history.map((entry, index) => {
            const value = entry?.[metric] ?? null;
            return entry === null || value === null || index !== at % history.length
              ? entry
              : { ...entry, [metric]: value + increase };
          });
          const before = scoreNode(windowsOf(...history), NOW_MS, 50);
          const after = scoreNode(windowsOf(...worse), NOW_MS, 50);
          expect(healthOf(after)).toBeLessThanOrEqual(healthOf(before));
          expect(BAND_ORDER.indexOf(after.band)).toBeLessThanOrEqual(BAND_ORDER.indexOf(before.band));
          expect(after.pressure ?? 0).toBeGreaterThanOrEqual(before.pressure ?? 0);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("does not depend on the order of the windows", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const windows = windowsOf(...history);
        expect(scoreNode(windows.toReversed(), NOW_MS)).toEqual(scoreNode(windows, NOW_MS));
      }),
    );
  });
});
