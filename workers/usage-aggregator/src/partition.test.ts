import { describe, expect, it } from "vitest";
import { addEvent, combineSums, type MeterSum, startSum } from "./domain/meter-sum.ts";
import { aggregate, createTestDeps, HOUR, line, rollupsOf, seedObject, seedTenant } from "./aggregator-test-kit.ts";

/** Small seeded generator (mulberry32), so that a failing seed can be run again. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface Event {
  meterKey: string;
  qty: string;
  micros: bigint;
  ms: number;
  hour: string;
}

const HOURS = [HOUR, "2026-11-21T03"];
const INTEGERS = ["0", "1", "9", "4503599627", "99999999999"];

function makeEvents(random: (below: number) => number, count: number): Event[] {
  return Array.from({ length: count }, () => {
    const integer = INTEGERS[random(INTEGERS.length)] ?? "1";
    const fraction = String(1 + random(999_999)).padStart(6, "0");
    const sign = random(5) === 0 ? "-" : "";
    return {
      meterKey: ["api_requests", "data_gb", "cpu.seconds"][random(3)] ?? "",
      qty: `${sign}${integer}.${fraction}`,
      micros: BigInt(`${sign}${integer}${fraction}`),
      // Few milliseconds, so that events tie for the last.
      ms: random(4),
      hour: HOURS[random(HOURS.length)] ?? HOUR,
    };
  });
}

/** The naive answer: all events of a meter and hour, scanned. */
function expectedRollups(events: readonly Event[]): Record<string, unknown>[] {
  const groups = Map.groupBy(events, ({ meterKey, hour }) => `${meterKey} ${hour}`);
  return [...groups.entries()]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, group]) => {
      const micros = group.map((event) => event.micros).toSorted((a, b) => (a < b ? -1 : 1));
      const lastMs = Math.max(...group.map(({ ms }) => ms));
      const last = group
        .filter(({ ms }) => ms === lastMs)
        .map((event) => event.micros)
        .toSorted((a, b) => (a < b ? -1 : 1));
      const [meterKey, hour] = name.split(" ");
      return {
        meter_key: meterKey,
        hour,
        qty: micros.reduce((sum, each) => sum + each, 0n).toString(),
        events: group.length,
        min_qty: String(micros[0]),
        max_qty: String(micros.at(-1)),
        last_qty: String(last.at(-1)),
        first_event_at: instant(hour, Math.min(...group.map(({ ms }) => ms))),
        last_event_at: instant(hour, lastMs),
      };
    });
}

const instant = (hour: string | undefined, ms: number): string => `${hour}:00:00.00${ms}Z`;

const shuffle = <T>(values: readonly T[], random: (below: number) => number): T[] =>
  values
    .map((value) => ({ value, order: random(1_000_000) }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ value }) => value);

/** Splits events into objects of one hour each, of random sizes, in random order. */
function partition(events: readonly Event[], random: (below: number) => number): Event[][] {
  const objects: Event[][] = [];
  for (const hour of HOURS) {
    let rest = shuffle(
      events.filter((event) => event.hour === hour),
      random,
    );
    while (rest.length > 0) {
      const size = 1 + random(rest.length);
      objects.push(rest.slice(0, size));
      rest = rest.slice(size);
    }
  }
  return shuffle(objects, random);
}

describe("sums of a meter", () => {
  it("are the same for any split of the events and any order of combining (500 seeds)", () => {
    for (let seed = 1; seed <= 500; seed += 1) {
      const random = createRandom(seed);
      const events = makeEvents(random, 1 + random(20));
      const whole = sumOf(events);
      const parts = partition(events, random).map(sumOf);
      expect(
        parts.reduce((left, right) => combineSums(left, right)),
        `seed ${seed}`,
      ).toEqual(whole);
    }
  });
});

function sumOf(events: readonly Event[]): MeterSum {
  const [first, ...others] = events;
  if (first === undefined) throw new Error("no events");
  const sum = startSum(first.micros, first.ms);
  for (const { micros, ms } of others) addEvent(sum, micros, ms);
  return sum;
}

describe("rollups", () => {
  it(
    "equal an independent sum for any partition into objects, runs that overlap and commits that get lost (40 seeds)",
    { timeout: 60_000 },
    async () => {
      for (let seed = 1; seed <= 40; seed += 1) {
        const random = createRandom(seed);
        const tenantId = `t_seed_${seed}`;
        await seedTenant(tenantId);
        const events = makeEvents(random, 5 + random(40));
        const objects = partition(events, random);
        let waiting = objects;
        while (waiting.length > 0) {
          const arrived = waiting.slice(0, 1 + random(waiting.length));
          waiting = waiting.slice(arrived.length);
          for (const object of arrived) {
            const lines = object.map((event) =>
              line({ tenantId, meterKey: event.meterKey, qty: event.qty, at: instant(event.hour, event.ms) }),
            );
            await seedObject(tenantId, lines, { hour: object[0]?.hour ?? HOUR });
          }
          await Promise.all(Array.from({ length: 1 + random(2) }, () => aggregate(createUnreliableDeps(random))));
        }
        expect(await aggregate()).toMatchObject({ failed: 0, quarantined: 0, remaining: 0 });
        expect(await rollupsOf(tenantId), `seed ${seed}`).toEqual(expectedRollups(events));
      }
    },
  );
});

/** A commit in three is not done, and one in three is done with its answer lost. */
function createUnreliableDeps(random: (below: number) => number): ReturnType<typeof createTestDeps> {
  const deps = createTestDeps();
  const { commitGroup } = deps.rollups;
  deps.rollups.commitGroup = async (plan, nowMs) => {
    const luck = random(3);
    if (luck !== 0) await commitGroup(plan, nowMs);
    if (luck !== 2) throw new Error("D1_ERROR: Network connection lost.");
  };
  return deps;
}
