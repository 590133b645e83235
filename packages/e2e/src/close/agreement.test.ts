import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { createWorker } from "@prego/cycle-close/app";
import { startClose } from "@prego/cycle-close/start";
import { startAggregation } from "@prego/usage-aggregator/start";
import { expect, test } from "vitest";
import { bindings, createTestRuntime, noNetwork, type TestClock } from "../faults/fault-test-kit.ts";
import { compareFleet, type FleetHost } from "./compare-fleet.ts";
import { drawFleet } from "./fleet.ts";

const SEED = 20_261_121;
const TENANTS = 100;
/** Every tenant is printed by the dry run; the routes that are a request each are asked for a share. */
const ROUTES_EVERY = 5;
const OPERATOR_KEY = "an-operator-key-for-this-test-0123456789";

/** The workers' own code on this test's storage; no Stripe key, so that cycles close and nothing is sent. */
function createHost(): FleetHost {
  const clock: TestClock = { nowMs: 0 };
  const runtime = createTestRuntime(clock, noNetwork);
  const env = { ...bindings, INTERNAL_API_KEY: OPERATOR_KEY };
  const app = createWorker(runtime);
  const start = () => ({ trigger: "cron", actor: "cron:test", dueAtMs: clock.nowMs }) as const;
  return {
    database: bindings.DB,
    bucket: bindings.BUCKET,
    aggregate: async (atMs) => {
      clock.nowMs = atMs;
      for (let pending = 1; pending > 0;) {
        await startAggregation(env, runtime, start());
        pending =
          (await bindings.DB.prepare(
            "SELECT count(*) AS pending FROM usage_objects WHERE status = 'pending'",
          ).first<number>("pending")) ?? 0;
      }
    },
    close: async (atMs) => {
      clock.nowMs = atMs;
      const outcome = await startClose(env, runtime, start());
      expect(outcome).toMatchObject({ kind: "ran", report: { failed: 0 } });
    },
    call: async <T>(method: "GET" | "POST", path: string, atMs: number): Promise<T> => {
      clock.nowMs = atMs;
      const context = createExecutionContext();
      const headers = { authorization: `Bearer ${OPERATOR_KEY}` };
      const response = await app.fetch(new Request(`http://local${path}`, { method, headers }), env, context);
      await waitOnExecutionContext(context);
      expect(response.status).toBe(200);
      return response.json<T>();
    },
  };
}

test("preview, close, raw lines and an arithmetic of their own agree to the last digit for every tenant of a random fleet", async () => {
  const fleet = drawFleet(SEED, TENANTS, { first: "2026-09", second: "2026-10" });
  const compared = await compareFleet(createHost(), fleet, ROUTES_EVERY);
  expect(compared.differences).toEqual([]);
  expect(compared.lines).toBeGreaterThan(TENANTS * 4);
  expect(compared.lateLines).toBeGreaterThan(20);
  expect(compared.printed).toBe(2 * TENANTS + (2 * TENANTS) / ROUTES_EVERY);
  expect(compared.recomputed).toBeGreaterThan((4 * TENANTS) / ROUTES_EVERY);
});
