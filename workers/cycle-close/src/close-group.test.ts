import { billableIdentifier } from "@prego/core/stripe";
import { beforeEach, describe, expect, test } from "vitest";
import { close, createWorld, CYCLE, env, outbox, totals } from "./cycle-close-test-kit.ts";
import { createDeps, type Deps } from "./deps.ts";
import { METERS_PER_READ_MAX } from "./limits.ts";
import { execute, resetDatabase, seedLate, seedPlan, seedRollup, seedTenant } from "./seed-test-kit.ts";

const UNIT = 1_000_000n;
const TENANTS = ["a", "b", "c", "d", "e"];

const closedTenants = async (): Promise<string[]> => [...new Set((await totals()).map((line) => line.tenant_id))];

/** Deps in which something happens right before the first batch that writes totals, and the number of such batches. */
function interceptDeps(world: ReturnType<typeof createWorld>, interrupt: () => Promise<unknown>) {
  const seen = { batches: 0 };
  const { DB: database } = env;
  const texts = new WeakMap<object, string>();
  const prepare = (query: string): D1PreparedStatement => {
    const statement = database.prepare(query);
    return new Proxy(statement, {
      get: (target, name) => {
        if (name !== "bind") return (Reflect.get(target, name) as (...args: unknown[]) => unknown).bind(target);
        return (...values: unknown[]) => {
          const bound = target.bind(...values);
          texts.set(bound, query);
          return bound;
        };
      },
    });
  };
  const batch = async (statements: D1PreparedStatement[]) => {
    if (statements.some((statement) => texts.get(statement)?.includes("INSERT INTO usage_cycle_totals"))) {
      seen.batches += 1;
      if (seen.batches === 1) await interrupt();
    }
    return database.batch(statements);
  };
  const deps: Deps = createDeps({ ...env, DB: { prepare, batch } as unknown as D1Database }, world.runtime);
  return { deps, seen };
}

beforeEach(async () => {
  await resetDatabase();
  await seedPlan("basic", { meters: { api: {} } });
  for (const tenant of TENANTS) {
    await seedTenant(tenant);
    await seedRollup(tenant, "api", { qty: UNIT });
  }
});

describe("tenants closed together", () => {
  test("take one batch", async () => {
    const world = createWorld();
    const { deps, seen } = interceptDeps(world, () => Promise.resolve());
    expect(await close(world, {}, deps)).toMatchObject({ failed: 0, cycles: [{ tenants_closed: 5 }] });
    expect(seen.batches).toBe(1);
  });

  test("are all closed, with the newest usage, when one of them changes between reading and writing", async () => {
    const world = createWorld();
    const { deps } = interceptDeps(world, () =>
      execute("UPDATE usage_rollups SET qty = 7000000 WHERE tenant_id = 'c'"),
    );
    expect(await close(world, {}, deps)).toMatchObject({ failed: 0, cycles: [{ tenants_closed: 5, postponed: 0 }] });
    expect((await totals()).map((line) => line.amount_minor)).toEqual([2, 2, 14, 2, 2]);
    expect(world.stripe.items.map((item) => item.amount).toSorted((a, b) => a - b)).toEqual([2, 2, 2, 2, 14]);
  });

  test("are closed but for the one that the database refuses", async () => {
    const world = createWorld();
    const fact = { tenantId: "b", meterKey: "api", cycle: CYCLE, correctedCycle: CYCLE, part: "" };
    await execute(
      `INSERT INTO stripe_usage_outbox (tenant_id, meter_key, cycle, corrected_cycle, mode, identifier, payload_json, status,
        next_attempt_at, created_at, updated_at) VALUES ('other', 'api', ?1, ?1, 'invoice_item', ?2, '{}', 'sent', '', '', '')`,
      CYCLE,
      await billableIdentifier(fact),
    );
    expect((await close(world)).cycles).toMatchObject([{ tenants_closed: 4, postponed: 1, status: "closing" }]);
    expect(await closedTenants()).toEqual(["a", "c", "d", "e"]);
  });

  test("are closed one by one when the storage fails for all of them at once", async () => {
    const world = createWorld();
    const { deps, seen } = interceptDeps(world, () => Promise.reject(new Error("D1_ERROR: Network connection lost.")));
    expect(await close(world, {}, deps)).toMatchObject({ failed: 0, cycles: [{ tenants_closed: 5, failed: 0 }] });
    expect(seen.batches).toBeGreaterThan(1);
    expect((await outbox()).map((row) => row.status)).toEqual(Array(5).fill("sent"));
  });

  test("may have more meters than are read at once, and more lines than fit into a batch", async () => {
    const world = createWorld();
    const meters = Math.ceil(METERS_PER_READ_MAX / TENANTS.length) + 1;
    await execute(
      `INSERT INTO usage_rollups SELECT t.tenant_id, printf('m%04d', n.value), ?1 || '-10T05', 1000000, 1, NULL, NULL, NULL, '', '', '', 0
        FROM tenants_master t, json_each(?2) n`,
      CYCLE,
      JSON.stringify(Array.from({ length: meters }, (_, index) => index)),
    );
    const { deps, seen } = interceptDeps(world, () => Promise.resolve());
    expect(await close(world, {}, deps)).toMatchObject({ failed: 0, cycles: [{ tenants_closed: 5 }] });
    expect(seen.batches).toBe(2);
    expect(await totals()).toHaveLength(TENANTS.length * (meters + 1));
  });

  test("may have more late usage than is read at once", async () => {
    const world = createWorld(Date.parse("2026-11-01T00:40:00Z"));
    await execute("UPDATE tenants_master SET created_at = '2026-10-02T00:00:00.000Z'");
    await close(world);
    await seedLate("a", "api", { corrected: "2026-10", key: "one", qty: UNIT });
    await execute(
      `INSERT INTO usage_adjustments SELECT t.tenant_id, 'api', '2026-10', 'late' || n.value, NULL, 1000000, 1, '', NULL, NULL, NULL
        FROM tenants_master t, json_each(?1) n WHERE t.tenant_id IN ('b', 'd')`,
      JSON.stringify(Array.from({ length: 2_500 }, (_, index) => index)),
    );
    const later = createWorld();
    expect(await close(later)).toMatchObject({ failed: 0, cycles: [{ tenants_closed: 5, late_lines: 3 }] });
    const late = (await totals()).filter((line) => line.corrected_cycle === "2026-10" && line.cycle === CYCLE);
    expect(late.map((line) => [line.tenant_id, line.qty])).toEqual([
      ["a", 1_000_000],
      ["b", 2_500_000_000],
      ["d", 2_500_000_000],
    ]);
  });
});
