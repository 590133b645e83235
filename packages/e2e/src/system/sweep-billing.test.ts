import { afterAll, beforeAll, expect, test } from "vitest";
import { huntBillingBug } from "../sweep/billing/billing-sweep.ts";
import { sweepFaults, sweepPairs } from "../sweep/billing/fault-sweep.ts";
import { type BillingHarness, startBillingHarness } from "../sweep/billing/harness.ts";
import { sweepSchedules } from "../sweep/billing/schedule-sweep.ts";

const SEED = 7;
const CLEAN = { doubled: 0, lost: 0, wrong: 0, failures: [] };

let harness: BillingHarness;

beforeAll(async () => {
  harness = await startBillingHarness();
  await harness.useFleet(SEED);
});

afterAll(() => harness.close());

test("bills each charge once, whatever call of a close fails, and the run that carries it on too", async () => {
  const faults = await sweepFaults([harness], { seed: SEED, stride: 90 });
  expect(faults).toMatchObject(CLEAN);
  expect(faults.sites.filter((site) => site === "stripe")).toHaveLength(8);
  expect(faults.points).toBeGreaterThan(5);
  const pairs = await sweepPairs([harness], faults.ended, { seed: SEED, pairs: 3, second: "crash" });
  expect(pairs).toMatchObject({ ...CLEAN, points: 3 });
});

test("bills each charge once with closes, webhooks and a purge at once, in turns that a seed draws", async () => {
  const schedules = await sweepSchedules([harness], { seed: SEED, schedules: 3 });
  expect(schedules).toMatchObject(CLEAN);
  expect(schedules.switches).toBeGreaterThan(100);
});

test("sees a close that tries again under another key", async () => {
  const { seen } = await huntBillingBug("random-key", SEED);
  expect(seen).toContain("doubled");
});
