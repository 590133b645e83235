import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { createRawUsageStore, type RawUsageStore } from "../store/raw-usage.ts";
import {
  addTenant,
  bindings,
  bufferOf,
  createTestWorker,
  NOON_MS,
  readAnswer,
  readStored,
  runAlarm,
  runInBuffer,
  setTenantStatus,
} from "../usage-test-kit.ts";

const worker = createTestWorker(NOON_MS);
const HOUR_MS = 3_600_000;
const real = createRawUsageStore(bindings.DB, bindings.BUCKET);

/** `before`: the call fails without effect. `after`: it takes effect and the answer is lost. `ever`: it fails from then on. */
type Mode = "before" | "after" | "ever";

/** A store whose n-th call fails, and a count of its calls. */
function failingStore(n: number, mode: Mode): { store: RawUsageStore; calls: () => number } {
  let calls = 0;
  const wrap =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      calls++;
      const isDue = mode === "ever" ? calls >= n : calls === n;
      if (isDue && mode !== "after") throw new Error("Network connection lost.");
      const result = await call(...args);
      if (isDue) throw new Error("Network connection lost.");
      return result;
    };
  const store: RawUsageStore = {
    findTenant: wrap(real.findTenant),
    putObject: wrap(real.putObject),
    recordObjects: wrap(real.recordObjects),
    deleteObjects: wrap(real.deleteObjects),
  };
  return { store, calls: () => calls };
}

/** Events of two hours, five ids, one of them twice. */
const eventsOf = (tenantId: string, round: number) =>
  ["a", "b", "c", "d", "e", "a"].map((id, index) => ({
    tenant_id: tenantId,
    id: `${round}-${id}`,
    timestamp: new Date(worker.clock.nowMs - (id < "c" ? 2 : 0) * HOUR_MS - (index === 5 ? 0 : index)).toISOString(),
  }));

async function expectExactlyOnce(tenantId: string, rounds: number): Promise<void> {
  const stored = await readStored(tenantId);
  const ids = stored.events.map(({ id }) => String(id)).toSorted();
  const expected = Array.from({ length: rounds }, (_, round) =>
    ["a", "b", "c", "d", "e"].map((id) => `${round}-${id}`),
  );
  expect(ids).toEqual(expected.flat().toSorted());
  expect(stored.rows.map(({ r2_key: key }) => key).toSorted()).toEqual(stored.keys.toSorted());
  expect(stored.rows.reduce((sum, { events }) => sum + events, 0)).toBe(rounds * 5);
}

describe("a flush that fails", () => {
  for (const mode of ["before", "after", "ever"] as const) {
    for (const crash of [false, true]) {
      it(`loses and doubles nothing: fault ${mode} each call${crash ? ", then the object dies" : ""}`, async () => {
        let faults = 0;
        for (let n = 1; ; n++) {
          const tenantId = await addTenant(`fault-${mode}-${String(crash)}-${n}`);
          await worker.postUsage(eventsOf(tenantId, 0));
          const { store, calls } = failingStore(n, mode);
          await runAlarm(tenantId, { store });
          if (crash) await evictDurableObject(bufferOf(tenantId));
          // More usage, and the first round once more, before the flush is tried again.
          await worker.postUsage(eventsOf(tenantId, 1));
          expect(await readAnswer(await worker.postUsage(eventsOf(tenantId, 0)))).toMatchObject({ accepted: 0 });
          await runAlarm(tenantId);
          await runAlarm(tenantId);
          await expectExactlyOnce(tenantId, 2);
          if (calls() < n) break;
          faults++;
        }
        // The tenant, two objects, their rows.
        expect(faults).toBe(4);
      });
    }
  }

  it("is tried again by itself, for ever, at most a minute later", async () => {
    const tenantId = await addTenant("retries");
    await worker.postUsage({ tenant_id: tenantId, id: "a" });
    const { store } = failingStore(1, "ever");
    const start = Date.now();
    for (let attempt = 0; attempt < 12; attempt++) await runAlarm(tenantId, { store, now: () => start });
    const alarmAtMs = await findAlarm(tenantId);
    expect(alarmAtMs).toBe(start + 60_000);
    await worker.postUsage({ tenant_id: tenantId, id: "b" });
    // However much arrives: while flushes fail, more of it is no reason to try sooner.
    const many = Array.from({ length: 1_000 }, (_, index) => ({ tenant_id: tenantId, id: `${index}` }));
    for (const source of ["1", "2", "3", "4", "5"]) {
      await worker.postUsage(many.map((event) => ({ ...event, source })));
    }
    expect(await findAlarm(tenantId)).toBe(alarmAtMs);
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines).toHaveLength(5_002);
  });

  it("leaves what arrives during a flush for a full one of its own", async () => {
    const tenantId = await addTenant("meanwhile");
    await worker.postUsage({ tenant_id: tenantId, id: "a" });
    const putObject = async (key: string, bytes: Uint8Array) => {
      await worker.postUsage({ tenant_id: tenantId, id: "b" });
      return real.putObject(key, bytes);
    };
    const nextHourMs = (Math.floor(Date.now() / HOUR_MS) + 1) * HOUR_MS;
    await runAlarm(tenantId, { store: { ...real, putObject }, flushMs: 60_000, now: () => nextHourMs });
    expect((await readStored(tenantId)).events).toEqual([expect.objectContaining({ id: "a" })]);
    expect(await findAlarm(tenantId)).toBe(nextHourMs + 60_000);
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines).toHaveLength(2);
  });

  it("stops rather than overwrite another object of its name, and lets go of nothing", async () => {
    const tenantId = await addTenant("differs");
    await worker.postUsage({ tenant_id: tenantId, id: "a", timestamp: "2026-11-21T12:00:00Z" });
    const key = `usage_raw/tenant_id=${tenantId}/dt=2026-11-21/hour=12/s0-1-1.jsonl`;
    const other = '{"id":"other"}\n';
    await bindings.BUCKET.put(key, other, { sha256: await sha256(other) });
    await runAlarm(tenantId);
    expect(await readStored(tenantId)).toMatchObject({ rows: [], events: [{ id: "other" }] });
    await bindings.BUCKET.delete(key);
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines).toHaveLength(1);
  });

  it("keeps the events of a tenant whose row is missing", async () => {
    const tenantId = await addTenant("missing-row");
    await worker.postUsage({ tenant_id: tenantId, id: "a" });
    await bindings.DB.prepare("DELETE FROM tenants_master WHERE tenant_id = ?").bind(tenantId).run();
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).keys).toEqual([]);
    await addTenant(tenantId);
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines).toHaveLength(1);
  });

  it("leaves nothing in R2 of a tenant whose purge begins during the flush, wherever it fails", async () => {
    for (let n = 1; ; n++) {
      const tenantId = await addTenant(`purge-during-${n}`);
      await worker.postUsage(eventsOf(tenantId, 0));
      const { store, calls } = failingStore(n, "before");
      let checks = 0;
      const findTenant = async (id: string) => {
        const answer = await store.findTenant(id);
        // Whatever the check said, the purge begins right after it.
        if (++checks === 1) await setTenantStatus(tenantId, "Purging");
        return answer;
      };
      await runAlarm(tenantId, { store: { ...store, findTenant } });
      await setTenantStatus(tenantId, "Purging");
      await runAlarm(tenantId);
      expect(await readStored(tenantId)).toMatchObject({ rows: [], keys: [] });
      if (calls() < n) break;
    }
  });
});

const findAlarm = (tenantId: string): Promise<number | null> => runInBuffer(tenantId, (storage) => storage.getAlarm());

async function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
