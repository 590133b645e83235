import type { Client } from "./client.ts";
import type { Harness } from "./harness.ts";

/** The driver's side of the harness's clock. */
export interface SweepClock {
  nowMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Rounds until everything is counted: a longest backoff, an hour's end and an abandoned lease are far fewer. */
const ROUNDS_MAX = 100;

export async function advance(harness: Harness, clock: SweepClock, byMs: number): Promise<void> {
  clock.nowMs += byMs;
  await harness.setClock(clock.nowMs);
}

/**
 * Lets everything go its way without faults until nothing is left: alarms when they are due, an aggregator after them. Without a
 * client nobody sends again, so that only alarms bring on what was acknowledged.
 * It takes a few hours of the harness's clock and not a day: nothing may need the daily reconcile pass.
 * @throws Error if something stays undone.
 */
export async function settle(harness: Harness, clock: SweepClock, client?: Client): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    await client?.retry();
    await harness.fireAlarms();
    await harness.aggregate(1);
    const { pending, quarantined, nextAlarmMs } = await harness.readStatus();
    if (quarantined > 0) throw new Error(`${quarantined} objects were quarantined`);
    const isAlarmNear = nextAlarmMs !== null && nextAlarmMs <= clock.nowMs + HOUR_MS;
    const waiting = client?.waiting.length ?? 0;
    if (waiting === 0 && pending === 0 && !isAlarmNear) return;
    const byMs = isAlarmNear ? nextAlarmMs - clock.nowMs : pending > 0 ? 6 * MINUTE_MS : MINUTE_MS;
    await advance(harness, clock, Math.max(byMs, 1_000));
  }
  throw new Error(
    `not settled after ${ROUNDS_MAX} rounds: ${client?.waiting.length ?? 0} requests were never acknowledged`,
  );
}
