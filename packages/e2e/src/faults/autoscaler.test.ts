import { expect, test } from "vitest";
import { startScaling } from "@prego/autoscaler/start";
import { faultyBindings } from "./fault-injector.ts";
import {
  bindings,
  clockAt,
  createTestRuntime,
  insertRow,
  LEASE_OVER_MS,
  noNetwork,
  selectRows,
  type TestClock,
} from "./fault-test-kit.ts";
import { sweepFaults } from "./sweep.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 12);

interface Region {
  name: string;
  clock: TestClock;
}

const evaluate = (region: Region, env = bindings) =>
  startScaling(env, createTestRuntime(region.clock, noNetwork), {
    trigger: "cron",
    actor: "cron:autoscaler",
    dueAtMs: NOW_MS,
  });

test("an evaluation that fails at any call orders one node for one need, explained once", async () => {
  const report = await sweepFaults<Region>({
    prepare: async (point) => {
      await bindings.DB.exec("DELETE FROM scaling_regions");
      const name = `r${point}`;
      const at = new Date(NOW_MS).toISOString();
      await insertRow("scaling_regions", {
        region: name,
        mode: "active",
        min_nodes: 1,
        max_nodes: 4,
        target_pressure: 70,
        node_size: "s",
        node_capacity: 10,
        updated_at: at,
      });
      return { name, clock: clockAt(NOW_MS, point) };
    },
    run: (region, injector) => evaluate(region, faultyBindings(bindings, injector)),
    resume: async (region) => {
      region.clock.nowMs += LEASE_OVER_MS;
      await evaluate(region);
    },
    check: async (region, fault) => {
      const label = JSON.stringify(fault);
      const nodes = await selectRows("SELECT node_id FROM nodes WHERE region = ?", region.name);
      const events = await selectRows("SELECT id FROM scaling_events WHERE region = ?", region.name);
      const orders = await selectRows(
        "SELECT dispatch_id FROM dispatches WHERE json_extract(inputs_json, '$.region') = ?",
        region.name,
      );
      expect([nodes.length, events.length, orders.length], label).toEqual([1, 1, 1]);
    },
  });
  expect(report.calls).toBeGreaterThan(4);
});
