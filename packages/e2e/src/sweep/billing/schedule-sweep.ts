import { addOutcome, emptyReport, type FaultReport, shareOut } from "./fault-sweep.ts";
import type { FindingKind } from "./fault-plan.ts";
import type { BillingHarness } from "./harness.ts";

/** What closes, webhooks and purges at once did. */
export interface ScheduleReport extends Omit<FaultReport, "points" | "byMode"> {
  schedules: number;
  /** Calls in all schedules, and how often the turn went to another task. */
  steps: number;
  switches: number;
  faults: number;
  /** How many schedules had a task of this name. */
  byTask: Record<string, number>;
}

export interface ScheduleSweepOptions {
  seed: number;
  schedules: number;
  /** Ends as soon as something was found of this kind. */
  until?: FindingKind;
}

/** Schedules that share a fleet. */
const SCHEDULES_PER_FLEET = 25;

/** Runs seeded schedules, with another fleet after every few. */
export async function sweepSchedules(
  harnesses: readonly BillingHarness[],
  { seed, schedules, until }: ScheduleSweepOptions,
): Promise<ScheduleReport> {
  const { points: _points, byMode: byTask, ...counts } = emptyReport();
  const report: ScheduleReport = { ...counts, schedules: 0, steps: 0, switches: 0, faults: 0, byTask };
  const fleets = Array.from({ length: Math.ceil(schedules / SCHEDULES_PER_FLEET) }, (_, index) => seed + index);
  await shareOut(harnesses, fleets, async (harness, fleetSeed) => {
    await harness.useFleet(fleetSeed);
    const first = (fleetSeed - seed) * SCHEDULES_PER_FLEET;
    for (let index = first; index < Math.min(first + SCHEDULES_PER_FLEET, schedules); index += 1) {
      if (until !== undefined && report[until] > 0) return;
      const outcome = await harness.runSchedule(seed + index);
      report.schedules += 1;
      report.steps += outcome.steps;
      report.switches += outcome.switches;
      report.faults += outcome.faults;
      for (const task of new Set(outcome.tasks)) report.byTask[task] = (report.byTask[task] ?? 0) + 1;
      addOutcome(report, `schedule ${seed + index} of fleet ${fleetSeed}`, outcome);
    }
  });
  return report;
}
