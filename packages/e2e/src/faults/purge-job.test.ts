import { expect, test } from "vitest";
import { startPurgeJob } from "@prego/purge-job/start";
import { faultyBindings } from "./fault-injector.ts";
import {
  bindings,
  createTestRuntime,
  insertRow,
  insertTenant,
  LEASE_OVER_MS,
  noNetwork,
  selectRows,
  type TestClock,
} from "./fault-test-kit.ts";
import { sweepFaults } from "./sweep.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 2);
const DAY_MS = 86_400_000;

interface Leaver {
  tenantId: string;
  neighbourId: string;
  clock: TestClock;
}

const purge = (leaver: Leaver, env = bindings) =>
  startPurgeJob({ ...env, PURGE_KEY: "purge-key" }, createTestRuntime(leaver.clock, noNetwork), {
    trigger: "cron",
    actor: "cron:purge-job",
    dueAtMs: leaver.clock.nowMs,
  });

async function giveUsage(tenantId: string): Promise<void> {
  const at = new Date(NOW_MS).toISOString();
  const key = `usage_raw/tenant_id=${tenantId}/dt=2026-11-01/hour=00/s0-1-1.jsonl`;
  await bindings.BUCKET.put(key, "{}\n");
  await insertRow("usage_objects", {
    r2_key: key,
    tenant_id: tenantId,
    hour: "2026-11-01T00",
    events: 1,
    bytes: 3,
    sha256: "0",
    status: "done",
    created_at: at,
  });
  await insertRow("usage_rollups", {
    tenant_id: tenantId,
    meter_key: "api_requests",
    hour: "2026-11-01T00",
    qty: 1_000_000,
    events: 1,
    first_event_at: at,
    last_event_at: at,
    updated_at: at,
  });
}

const countOf = async (table: string, tenantId: string): Promise<number> =>
  (await selectRows(`SELECT 1 AS one FROM ${table} WHERE tenant_id = ?`, tenantId)).length;

test("a purge that is killed after any call leaves no residue, one certificate, and its neighbour untouched", async () => {
  const report = await sweepFaults<Leaver>({
    modes: ["crash_after"],
    prepare: async (point) => {
      const leaver = {
        tenantId: `gone_${point}_1`,
        neighbourId: `gone_${point}_10`,
        clock: { nowMs: NOW_MS + point * 6 * DAY_MS },
      };
      await insertTenant(leaver.tenantId, NOW_MS, {
        status: "Pending_Deletion",
        pending_deletion_at: new Date(NOW_MS - 31 * DAY_MS).toISOString(),
        purge_after: new Date(NOW_MS - 8 * DAY_MS).toISOString(),
      });
      await insertTenant(leaver.neighbourId, NOW_MS);
      await giveUsage(leaver.tenantId);
      await giveUsage(leaver.neighbourId);
      return leaver;
    },
    run: (leaver, injector) => purge(leaver, faultyBindings(bindings, injector)),
    resume: async (leaver) => {
      for (let night = 0; night < 3; night += 1) {
        leaver.clock.nowMs += LEASE_OVER_MS;
        await purge(leaver);
      }
    },
    check: async ({ tenantId, neighbourId }, fault) => {
      const label = JSON.stringify(fault);
      const [tenant] = await selectRows<{ status: string; name: string | null }>(
        "SELECT status, name FROM tenants_master WHERE tenant_id = ?",
        tenantId,
      );
      expect(tenant, label).toEqual({ status: "Purged", name: null });
      expect([await countOf("usage_objects", tenantId), await countOf("usage_rollups", tenantId)], label).toEqual([
        0, 0,
      ]);
      const raw = await bindings.BUCKET.list({ prefix: `usage_raw/tenant_id=${tenantId}/` });
      expect(raw.objects.length, label).toBe(0);
      const audits = await selectRows(
        "SELECT seq FROM audit_logs WHERE tenant_id = ? AND action = 'purge.completed'",
        tenantId,
      );
      expect(audits.length, label).toBe(1);
      const kept = await bindings.BUCKET.list({ prefix: `usage_raw/tenant_id=${neighbourId}/` });
      expect([await countOf("usage_rollups", neighbourId), kept.objects.length], label).toEqual([1, 1]);
    },
  });
  expect(report.calls).toBeGreaterThan(20);
});
