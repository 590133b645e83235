import { beforeEach, describe, expect, test } from "vitest";
import { close, createWorld, CYCLE } from "./cycle-close-test-kit.ts";
import { createRandom } from "./random-test-kit.ts";
import {
  execute,
  resetDatabase,
  rows,
  seedLate,
  seedPlan,
  seedPlanChange,
  seedRollup,
  seedTenant,
} from "./seed-test-kit.ts";
import { usageObjectKey } from "@prego/core/usage-object";
import type { Preview } from "./preview.ts";
import { send } from "./route-test-kit.ts";

const TENANTS = ["t1", "t2", "t3", "t4", "t5"];
const METERS = ["cpu", "hits", "visitors", "peak", "traffic"];
const AGGREGATIONS = ["sum", "count", "unique", "max", "last"];

async function seedRandomFleet(random: (below: number) => number): Promise<void> {
  const rate = (): string => `${random(50)}.${String(random(1_000_000)).padStart(6, "0")}`;
  const price = (): unknown => {
    const tiers = [
      { upTo: String(1 + random(40)), unitAmount: rate(), flatAmount: rate() },
      { upTo: `${50 + random(50)}.5`, unitAmount: rate() },
      { upTo: null, unitAmount: rate() },
    ];
    switch (random(4)) {
      case 0:
        return { model: "flat", unitAmount: rate() };
      case 1:
        return { model: "graduated", tiers };
      case 2:
        return { model: "volume", tiers };
      default:
        return { model: "package", packageSize: String(1 + random(9)), packageAmount: rate() };
    }
  };
  for (const [plan, mode] of [
    ["items", "invoice_item"],
    ["events", "meter_event"],
  ] as const) {
    const meters = METERS.slice(0, 2 + random(4)).map((key, index) => [
      key,
      {
        aggregation: AGGREGATIONS[index] ?? "sum",
        included: String(random(60_000_000)),
        price: price(),
        eventName: `event_${key}`,
        ...(random(2) === 0 ? {} : { poolWeight: `${1 + random(3)}.${random(10)}` }),
      },
    ]);
    const offer = { mode, pool: String(random(80_000_000)), meters: Object.fromEntries(meters) as never };
    await seedPlan(plan, offer);
    if (random(2) === 0) continue;
    const effectiveFrom = `${random(2) === 0 ? "2026-10" : CYCLE}-1${random(4)}T0${5 + random(4)}:30:00.000Z`;
    await seedPlan(plan, { ...offer, version: 2, effectiveFrom, pool: String(random(80_000_000)) });
  }
  for (const tenant of TENANTS) {
    await seedTenant(tenant, { plan: random(2) === 0 ? "items" : "events", createdAt: "2026-10-02T00:00:00.000Z" });
    for (const month of ["2026-09", "2026-10", CYCLE]) {
      for (let change = 0; change < random(3); change += 1) {
        const at = `${month}-1${random(4)}T0${5 + random(4)}:10:00.000Z`;
        await seedPlanChange(tenant, random(2) === 0 ? "items" : "events", at);
      }
    }
    for (const meter of [...METERS, "unknown"]) {
      for (let hour = 0; hour < random(4); hour += 1) {
        const month = random(2) === 0 ? "2026-10" : CYCLE;
        const qty = BigInt(random(90_000_000) - (random(9) === 0 ? 90_000_000 : 0));
        const rollup = {
          hour: `${month}-1${hour}T07`,
          qty,
          events: 1 + random(60),
          max: qty,
          last: qty,
          newValues: random(60),
        };
        await seedRollup(tenant, meter, rollup);
      }
    }
  }
}

const preview = async (world: ReturnType<typeof createWorld>, tenant: string, cycle: string): Promise<Preview> => {
  const response = await send(world, `/cycle-close/preview?tenant_id=${tenant}&cycle=${cycle}`);
  expect(response.status).toBe(200);
  return response.json<Preview>();
};

beforeEach(resetDatabase);

describe("a preview", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "prints to the last digit what the close then writes, late usage included: seed %i",
    { timeout: 30_000 },
    async (seed) => {
      const random = createRandom(seed);
      await seedRandomFleet(random);
      const october = createWorld(Date.parse("2026-11-01T00:40:00Z"));
      const firstPreviews = await Promise.all(TENANTS.map((tenant) => preview(october, tenant, "2026-10")));
      await close(october);
      for (const [index, tenant] of TENANTS.entries()) {
        if (random(2) === 0) continue;
        const qty = BigInt(random(50_000_000) - 10_000_000);
        await seedLate(tenant, METERS[random(3)] ?? "cpu", {
          corrected: "2026-10",
          key: usageObjectKey({ tenantId: tenant, hour: `2026-10-1${random(4)}T07`, name: `late${index}` }),
          qty,
          events: 3,
        });
      }
      const world = createWorld();
      const previews = await Promise.all(TENANTS.map((tenant) => preview(world, tenant, CYCLE)));
      const dryRun = await (
        await send(world, "/cycle-close?dry_run=1", { method: "POST" })
      ).json<{
        report: { cycles: { tenants: (Pick<Preview, "lines" | "amounts"> & { tenant_id: string })[] }[] };
      }>();
      const report = await close(world);
      expect(report.failed).toBe(0);

      for (const [open, cycle] of [
        ...firstPreviews.map((one) => [one, "2026-10"] as const),
        ...previews.map((one) => [one, CYCLE] as const),
      ]) {
        const closed = await preview(world, open.tenant_id, cycle);
        expect(open.state).toBe("open");
        expect(closed.state).toBe("closed");
        expect({ lines: closed.lines, amounts: closed.amounts }).toEqual({ lines: open.lines, amounts: open.amounts });
        const facts = (one: Preview) =>
          one.charges
            .map(({ identifier, payload }) => ({ identifier, payload }))
            .toSorted((a, b) => (a.identifier < b.identifier ? -1 : 1));
        expect(facts(closed)).toEqual(facts(open));
      }
      const printed = dryRun.report.cycles.flatMap((one) => one.tenants);
      expect(printed.map((one) => [one.tenant_id, one.lines])).toEqual(
        previews.map((one) => [one.tenant_id, one.lines]),
      );
      const stored = await rows<{ sum: string }>(
        "SELECT CAST(sum(amount_minor) AS TEXT) AS sum FROM usage_cycle_totals",
      );
      const all = [...firstPreviews, ...previews].flatMap((one) => one.lines);
      expect(stored[0]?.sum).toBe(all.reduce((sum, line) => sum + BigInt(line.amount_minor), 0n).toString());
      expect(all.some((line) => line.amount_minor !== "0")).toBe(true);
      expect(await rows("SELECT DISTINCT identifier FROM stripe_usage_outbox")).toHaveLength(
        [...firstPreviews, ...previews].flatMap((one) => one.charges).length,
      );
    },
  );

  test("answers 404 for an unknown tenant and for a cycle that has not begun, 409 with the reason when it cannot price", async () => {
    const world = createWorld();
    await seedPlan("basic", { meters: { api_requests: {} } });
    await seedTenant("t1");
    await seedTenant("t2", { plan: "nowhere" });
    expect((await send(world, "/cycle-close/preview?tenant_id=nobody&cycle=2026-11")).status).toBe(404);
    expect((await send(world, "/cycle-close/preview?tenant_id=t1&cycle=2027-01")).status).toBe(404);
    expect((await send(world, "/cycle-close/preview?tenant_id=t1&cycle=2026-12")).status).toBe(200);
    const refused = await send(world, "/cycle-close/preview?tenant_id=t2&cycle=2026-11");
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ code: "conflict", detail: "plan_missing: nowhere" });
  });

  test("still shows the closed bill of a tenant that was purged under a pseudonym", async () => {
    const world = createWorld();
    await seedPlan("basic", { meters: { api_requests: {} } });
    await seedTenant("t1");
    await seedRollup("t1", "api_requests", { qty: 5_000_000n });
    await close(world);
    await execute("UPDATE usage_cycle_totals SET tenant_id = 'purged-1'");
    expect((await preview(world, "purged-1", CYCLE)).lines).toMatchObject([{ quantity: "5", amount: "0.10 eur" }]);
  });
});
