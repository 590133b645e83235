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

test.each([
  { stage: "due", work: "a close", calls: 22 },
  { stage: "refused", work: "an operator's resend and the close after it", calls: 10 },
] as const)(
  "bills each charge once and collects it once, whatever call of $work fails, and the run that carries it on too",
  async ({ stage, calls }) => {
    const faults = await sweepFaults([harness], { seed: SEED, stage, stride: 120 });
    expect(faults).toMatchObject(CLEAN);
    expect(faults.sites.filter((site) => site === "stripe")).toHaveLength(calls);
    expect(faults.points).toBeGreaterThan(5);
    const pairs = await sweepPairs([harness], faults.ended, { seed: SEED, stage, pairs: 3, second: "crash" });
    expect(pairs).toMatchObject({ ...CLEAN, points: 3 });
  },
);

test("bills each charge once with closes, webhooks, resends and a purge at once, in turns that a seed draws", async () => {
  const schedules = await sweepSchedules([harness], { seed: SEED, schedules: 5 });
  expect(schedules).toMatchObject(CLEAN);
  expect(schedules.byTask).toMatchObject({ purge: expect.any(Number), operator: expect.any(Number) });
  expect(schedules.switches).toBeGreaterThan(100);
});

test.each([
  { bug: "random-key", sees: "a close that tries again under another key", shows: "doubled" },
  { bug: "parts-of-one-identifier", sees: "parts that share an identifier", shows: "lost" },
  { bug: "resend-under-old-identifier", sees: "a resend under the identifier that Stripe refused", shows: "lost" },
])("sees $sees", async ({ bug, shows }) => {
  const { seen } = await huntBillingBug(bug, SEED);
  expect(seen).toContain(shows);
});
