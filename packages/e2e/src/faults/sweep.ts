import { FAULT_MODES, FaultInjector, type Fault, type FaultMode } from "./fault-injector.ts";

/** One scenario of a sweep: everything it needs is made anew for each fault point. */
export interface SweepScenario<S> {
  /** Modes to try; all of them when left out. */
  modes?: readonly FaultMode[];
  /** Makes fresh state, its own tenant included. */
  prepare(point: number): Promise<S>;
  /** Runs the job once with faults; it may throw. */
  run(state: S, injector: FaultInjector): Promise<unknown>;
  /** Runs without faults until nothing is left to do. */
  resume(state: S): Promise<unknown>;
  /** Throws when the end state is not the one a run without faults leaves. */
  check(state: S, fault: Fault | undefined): Promise<void>;
}

/** What a sweep covered. */
export interface SweepReport {
  /** Calls of a run without faults. */
  calls: number;
  /** Fault points tried. */
  points: number;
}

/** Upper bound of calls in a scenario, so that a sweep ends. */
const CALLS_MAX = 500;

/**
 * Lets every call of a run fail in every mode, resumes, and checks the end state. It ends when a run saw no fault:
 * then every call was reached.
 */
export async function sweepFaults<S>(scenario: SweepScenario<S>): Promise<SweepReport> {
  let points = 0;
  const clean = await scenario.prepare(points);
  const counter = new FaultInjector();
  await scenario.run(clean, counter);
  await scenario.resume(clean);
  await scenario.check(clean, undefined);
  for (const mode of scenario.modes ?? FAULT_MODES) {
    for (let call = 1; ; call += 1) {
      if (call > CALLS_MAX) throw new Error(`more than ${CALLS_MAX} calls in one run`);
      points += 1;
      const state = await scenario.prepare(points);
      const fault = { call, mode };
      const injector = new FaultInjector(fault);
      await scenario.run(state, injector).catch(() => undefined);
      await scenario.resume(state);
      await scenario.check(state, fault);
      if (injector.struck) continue;
      if (call <= counter.calls) {
        throw new Error(`mode ${mode}: only ${call - 1} of ${counter.calls} calls were reached`);
      }
      break;
    }
  }
  return { calls: counter.calls, points };
}
