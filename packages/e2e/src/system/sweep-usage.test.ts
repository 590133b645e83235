import { expect, test } from "vitest";
import { sweepCalls } from "../sweep/call-sweep.ts";
import { startHarness } from "../sweep/harness.ts";
import { USAGE_BUGS } from "../sweep/usage-bugs.ts";
import { huntBug, startOfSweep } from "../sweep/usage-sweep.ts";
import { sweepVolume } from "../sweep/volume-sweep.ts";

const SEED = 7;
const startMs = startOfSweep(Date.now());

test("counts every acknowledged event exactly once, whatever call fails", async () => {
  const harness = await startHarness();
  try {
    const calls = await sweepCalls(harness, { seed: SEED, startMs, stride: 200 });
    expect(calls).toMatchObject({ lost: 0, doubled: 0, failures: [] });
    expect(calls.points).toBeGreaterThan(2);
    const volume = await sweepVolume(harness, { seed: SEED, startMs, events: 1_000, faultRate: 0.05 });
    expect(volume).toMatchObject({ acknowledged: 1_000, counted: 1_000, lost: 0, doubled: 0, differences: [] });
    expect(volume.values).toBeGreaterThan(100);
    expect(volume.countedValues).toBe(volume.values);
    expect(volume.strikes).toBeGreaterThan(0);
  } finally {
    await harness.close();
  }
});

test.concurrent("sees a buffer that sets no alarm after a flush that failed", async ({ expect }) => {
  const { failures, lost } = await huntBug("backoff-without-alarm", SEED);
  expect(failures).not.toEqual([]);
  expect(lost).toBeGreaterThan(0);
});

test.concurrent("sees a worker that counts an object whenever it reads it", async ({ expect }) => {
  const { failures, doubled } = await huntBug("upsert-at-least-once", SEED);
  expect(failures).not.toEqual([]);
  expect(doubled).toBeGreaterThan(0);
});

test("refuses to run with a bug that it cannot plant", async () => {
  expect(Object.keys(USAGE_BUGS)).toHaveLength(5);
  await expect(huntBug("no-such-bug", SEED)).rejects.toThrow("there are ack-before-commit");
});
