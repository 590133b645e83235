import { expect, test } from "vitest";
import { startAggregation } from "@prego/usage-aggregator/start";
import { faultyBindings } from "./fault-injector.ts";
import {
  bindings,
  clockAt,
  createTestRuntime,
  insertRow,
  insertTenant,
  LEASE_OVER_MS,
  noNetwork,
  selectRows,
  type TestClock,
} from "./fault-test-kit.ts";
import { sweepFaults } from "./sweep.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const OBJECTS = 3;

interface Writer {
  tenantId: string;
  clock: TestClock;
}

const aggregate = (writer: Writer, env = bindings) =>
  startAggregation(env, createTestRuntime(writer.clock, noNetwork), {
    trigger: "cron",
    actor: "cron:usage-aggregator",
    dueAtMs: writer.clock.nowMs,
  });

async function putObject(tenantId: string, index: number): Promise<void> {
  const key = `usage_raw/tenant_id=${tenantId}/dt=2026-11-21/hour=10/s0-${index}-${index}.jsonl`;
  const at = "2026-11-21T10:00:00.000Z";
  const line = {
    id: `e${index}`,
    tenant_id: tenantId,
    meter_key: "api_requests",
    qty: "0.1",
    timestamp: at,
    received_at: at,
  };
  const text = `${JSON.stringify(line)}\n`;
  const bytes = new TextEncoder().encode(text);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  await bindings.BUCKET.put(key, text);
  await insertRow("usage_objects", {
    r2_key: key,
    tenant_id: tenantId,
    hour: "2026-11-21T10",
    events: 1,
    bytes: bytes.length,
    sha256: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join(""),
    status: "pending",
    created_at: at,
  });
}

const read = (tenantId: string) =>
  selectRows("SELECT CAST(qty AS TEXT) AS qty, events FROM usage_rollups WHERE tenant_id = ?", tenantId);

test("a rollup that fails at any call counts every event exactly once", async () => {
  // The first run of a day also reconciles; it comes first so that every run of the sweep makes the same calls.
  await aggregate({ tenantId: "none", clock: clockAt(NOW_MS, -1) });
  const report = await sweepFaults<Writer>({
    prepare: async (point) => {
      const writer = { tenantId: `roll_${point}`, clock: clockAt(NOW_MS, point) };
      await insertTenant(writer.tenantId, NOW_MS);
      for (let index = 1; index <= OBJECTS; index += 1) await putObject(writer.tenantId, index);
      return writer;
    },
    run: (writer, injector) => aggregate(writer, faultyBindings(bindings, injector)),
    resume: async (writer) => {
      for (let run = 0; run < 2; run += 1) {
        writer.clock.nowMs += LEASE_OVER_MS;
        await aggregate(writer);
      }
    },
    check: async ({ tenantId }, fault) => {
      expect(await read(tenantId), JSON.stringify(fault)).toEqual([{ qty: "300000", events: OBJECTS }]);
    },
  });
  expect(report.calls).toBeGreaterThan(5);
});

test("two runs at once count every event exactly once", async () => {
  const writer = { tenantId: "roll_twice", clock: clockAt(NOW_MS, 1_000) };
  await insertTenant(writer.tenantId, NOW_MS);
  await putObject(writer.tenantId, 1);
  await Promise.all([aggregate(writer), aggregate(writer)]);
  expect(await read(writer.tenantId)).toEqual([{ qty: "100000", events: 1 }]);
});
