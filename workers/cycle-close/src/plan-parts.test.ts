import { describe, expect, test } from "vitest";
import { closeInputs, flat, planMeter, planVersion, UNIT, usage } from "./plan-test-kit.ts";
import { planTenantClose } from "./plan.ts";
import type { PartInputs, PlanVersion } from "./plan/inputs.ts";
import { nameParts } from "./plan/line-part.ts";
import { createRandom } from "./random-test-kit.ts";

const STARTS = ["2026-11-01T00", "2026-11-07T13", "2026-11-07T14", "2026-11-30T23"];
const sum = (values: readonly bigint[]): bigint => values.reduce((left, right) => left + right, 0n);

/** A cycle in as many parts as there are plans. */
function inParts(plans: readonly PlanVersion[], used: (index: number) => PartInputs["usage"]): PartInputs[] {
  const names = nameParts("2026-11", STARTS.slice(0, plans.length));
  return plans.map((plan, index) => ({ part: names[index], plan, usage: used(index) }));
}

describe.each(Array.from({ length: 30 }, (_, seed) => seed))("a bill in parts, seed %i", (seed) => {
  const random = createRandom(seed);
  const included = { cpu: BigInt(random(500_000_000)), gpu: BigInt(random(7)) };
  const versions = Array.from({ length: 1 + random(STARTS.length) }, (_, index) =>
    planVersion(
      [
        planMeter("cpu", { included: included.cpu, poolWeight: "1.5", price: flat(`${random(9)}.5`) }),
        planMeter("gpu", { included: included.gpu, poolWeight: "7", price: flat("3") }),
        planMeter("mail"),
      ],
      { version: index + 1, poolIncluded: 100n * UNIT + 1n },
    ),
  );
  const parts = inParts(versions, () => [
    usage("cpu", BigInt(random(500))),
    usage("gpu", 0n, { qty: BigInt(random(90_000_000)) }),
  ]);
  const meters = closeInputs(planVersion([planMeter("cpu"), planMeter("gpu"), planMeter("mail")])).meters;
  const { lines, charges } = planTenantClose({ ...closeInputs(planVersion([])), meters, parts });
  const of = (meterKey: string) => lines.filter((line) => line.meterKey === meterKey);

  test("adds up to what was used in the cycle", () => {
    for (const key of ["cpu", "gpu"]) {
      const used = parts.flatMap((part) => part.usage.filter((meter) => meter.meterKey === key));
      expect(sum(of(key).map(({ quantity }) => quantity))).toBe(sum(used.map(({ qty }) => qty)));
      for (const { quantity, included: covered, overage } of of(key)) {
        expect(overage === 0n || quantity === covered + overage).toBe(true);
      }
    }
  });

  test("grants an unchanged allowance, own and pooled, once over all parts", () => {
    for (const key of ["cpu", "gpu"] as const) {
      expect(sum(of(key).map(({ snapshot }) => BigInt(snapshot.allowance_micros)))).toBe(included[key]);
    }
    expect(sum(of("cpu").map(({ snapshot }) => BigInt(snapshot.pool?.included_micros ?? "0")))).toBe(100n * UNIT + 1n);
    const taken = lines.map(
      ({ snapshot: { pool } }) => BigInt(pool?.covered_micros ?? "0") * (pool?.weight === "7" ? 70n : 15n),
    );
    expect(sum(taken) <= (100n * UNIT + 1n) * 10n).toBe(true);
  });

  test("has one line per meter and part, and one charge per line that costs", () => {
    expect(new Set(lines.map((line) => `${line.meterKey} ${line.snapshot.part?.from}`)).size).toBe(lines.length);
    expect(lines).toHaveLength(3 * parts.length);
    expect(charges).toHaveLength(lines.filter((line) => line.amountMinor !== 0n).length);
    expect(new Set(charges.map(({ meterKey, part }) => `${meterKey} ${part}`)).size).toBe(charges.length);
  });
});

test("every meter event of a customer and meter has a minute of its own, late usage of any age included", () => {
  const meter = planMeter("api", { stripeEventName: "api_calls" });
  const versions = [1, 2, 3, 4].map((version) => planVersion([meter], { version, billingMode: "meter_event" }));
  const parts = inParts(versions, () => [usage("api", 5n)]);
  const [plan] = versions;
  const cycles = Array.from({ length: 130 }, (_, month) => {
    const date = new Date(Date.UTC(2016, month)).toISOString();
    return date.slice(0, 7);
  });
  const earlier = (cycle: string) => {
    const starts = Array.from({ length: 31 }, (_, hour) => `${cycle}-01T${String(hour % 24).padStart(2, "0")}`).slice(
      0,
      20,
    );
    return nameParts(cycle, starts).map((part) => ({ part, plan: plan ?? planVersion([]), usage: [] }));
  };
  const earlierParts = new Map(cycles.map((cycle) => [cycle, earlier(cycle)]));
  const late = cycles.flatMap((correctedCycle) =>
    (earlierParts.get(correctedCycle) ?? []).map(({ part }) => {
      return { meterKey: "api", correctedCycle, part, qty: UNIT, events: 1n, digest: "l" };
    }),
  );
  const { charges } = planTenantClose({ ...closeInputs(plan ?? planVersion([])), parts, late, earlierParts });
  const minutes = charges.map(({ payload }) => ("timestamp" in payload ? Math.floor(payload.timestamp / 60) : 0));
  expect(charges).toHaveLength(4 + 130 * 20);
  expect(new Set(minutes).size).toBe(minutes.length);
  expect(minutes.every((minute) => new Date(minute * 60_000).toISOString().startsWith("2026-11"))).toBe(true);
});
