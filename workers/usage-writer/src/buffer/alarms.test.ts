import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { packAppend } from "./append-wire.ts";
import { createRawUsageStore } from "../store/raw-usage.ts";
import {
  addTenant,
  bindings,
  bufferOf,
  createTestWorker,
  readStored,
  runAlarm,
  runInBuffer,
  setTenantStatus,
} from "../usage-test-kit.ts";

const worker = createTestWorker();
const DAY_MS = 86_400_000;
const real = createRawUsageStore(bindings.DB, bindings.BUCKET);

const findAlarm = (tenantId: string): Promise<number | null> => runInBuffer(tenantId, (storage) => storage.getAlarm());

/** Lets the next statement that begins so fail without effect. */
const failNext = (tenantId: string, beginning: string): Promise<void> =>
  runInBuffer(tenantId, ({ sql }) => {
    const exec = sql.exec.bind(sql);
    Object.defineProperty(sql, "exec", {
      configurable: true,
      value: (query: string, ...values: unknown[]) => {
        if (!query.startsWith(beginning)) return exec(query, ...values);
        Object.defineProperty(sql, "exec", { configurable: true, value: exec });
        throw new Error("disk I/O error");
      },
    });
  });

/** A clock a day ahead: alarms are set and looked at, and none fires by itself. */
async function addQuietTenant(tenantId: string): Promise<string> {
  await addTenant(tenantId);
  await runInDurableObject(bufferOf(tenantId), (buffer) => {
    buffer.deps = { ...buffer.deps, log: () => undefined, now: () => Date.now() + DAY_MS };
  });
  return tenantId;
}

describe("the alarm of a buffer", () => {
  it("is set for what a flush leaves behind when a commit fails during it", async () => {
    const tenantId = await addQuietTenant("failed-meanwhile");
    const path = `/${"p".repeat(500)}`;
    const putObject = async (): Promise<string> => Promise.reject(new Error("R2 is away"));
    for (let batch = 0; batch < 24; batch++) {
      const events = Array.from({ length: 500 }, (_, index) => ({
        tenant_id: tenantId,
        id: `${batch}-${index}`,
        path,
      }));
      await worker.postUsage(events);
    }
    await runAlarm(tenantId, { store: { ...real, putObject } });
    await runInBuffer(tenantId, (storage) => storage.deleteAlarm());
    await runAlarm(tenantId, {
      store: {
        ...real,
        putObject: async (key, bytes) => {
          await failNext(tenantId, "INSERT INTO batches");
          expect((await worker.postUsage({ tenant_id: tenantId, id: "meanwhile" })).status).toBe(503);
          return real.putObject(key, bytes);
        },
      },
    });
    expect((await readStored(tenantId)).lines.length).toBeLessThan(12_000);
    expect(await findAlarm(tenantId)).toBeLessThan(Date.now() + DAY_MS + 60_000);
    expect(await findAlarm(tenantId)).not.toBeNull();
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines).toHaveLength(12_000);
  });

  it("is set for claims that come without events, and their ids end in rows of a bounded size", async () => {
    const tenantId = await addQuietTenant("claims");
    await worker.postUsage({ tenant_id: tenantId, id: "known" });
    await runAlarm(tenantId);
    const event = { tenant_id: tenantId, id: "known" };
    for (const key of ["k1", "k2"]) await worker.postUsage(event, { "idempotency-key": key });
    const due = Date.now() + DAY_MS + 300_000;
    expect(await findAlarm(tenantId)).toBeLessThanOrEqual(due);
    await runAlarm(tenantId);
    const counts = await runInBuffer(tenantId, ({ sql }) => [
      sql.exec("SELECT seq FROM batches").toArray().length,
      sql.exec("SELECT seq FROM segments").toArray().length,
    ]);
    expect(counts).toEqual([0, 2]);
    expect(await readStored(tenantId)).toMatchObject({ rows: [{ events: 1 }] });
  });

  it("comes at once for many claims, and no row of ids outgrows a flush", async () => {
    const tenantId = await addQuietTenant("many-claims");
    await runInDurableObject(bufferOf(tenantId), async (buffer, { storage }) => {
      const claims = Array.from({ length: 50_000 }, (_, index) => Uint32Array.of(index, 1, 2, 3, 4, 5));
      const request = { v: 1, tenantId, shard: 0, ids: new Uint32Array(0), hours: [], lines: [] } as const;
      for (let at = 0; at < claims.length; at += 10_000) {
        const group = claims
          .slice(at, at + 10_000)
          .map((claim) => packAppend({ ...request, hours: [], lines: [], claim }));
        await Promise.all(group.map((packed) => buffer.append(...packed)));
      }
      expect(await storage.getAlarm()).toBeLessThanOrEqual(Date.now() + DAY_MS);
      await buffer.alarm();
      const rows = storage.sql.exec<{ bytes: number }>("SELECT length(ids) AS bytes FROM segments").toArray();
      expect(rows.map(({ bytes }) => bytes / 24)).toEqual([40_000, 10_000]);
    });
  });

  it("comes every day while there are ids, every week after that, and is found again by an object that wakes", async () => {
    const tenantId = await addQuietTenant("daily");
    const daysAhead = async (): Promise<number> =>
      Math.round((((await findAlarm(tenantId)) ?? 0) - Date.now()) / DAY_MS);
    await worker.postUsage({ tenant_id: tenantId, id: "a" });
    const now = Date.now();
    await runAlarm(tenantId, { now: () => now });
    expect(await daysAhead()).toBe(2);
    await runInBuffer(tenantId, (storage) => storage.deleteAlarm());
    await evictDurableObject(bufferOf(tenantId));
    expect(await daysAhead()).toBe(2);
    await runAlarm(tenantId, { now: () => now + 3 * DAY_MS });
    expect(await daysAhead()).toBe(4);
    for (const day of [40, 50, 60]) {
      await runInBuffer(tenantId, (storage) => storage.deleteAlarm());
      await runAlarm(tenantId, { now: () => now + day * DAY_MS });
      expect(await daysAhead()).toBe(day + 7);
    }
  });

  it.each(["claims only", "nothing new", "ids that expired"])(
    "erases an object with %s after a purge",
    async (kind) => {
      const tenantId = await addQuietTenant(`purged-${kind.replaceAll(" ", "-")}`);
      const now = Date.now() + DAY_MS;
      const request = { v: 1, tenantId, shard: 0, ids: new Uint32Array(0), hours: [], lines: [] } as const;
      const claim = kind === "claims only" ? { claim: Uint32Array.of(1, 2, 3, 4, 5, 6) } : {};
      await bufferOf(tenantId).append(...packAppend({ ...request, hours: [], lines: [], ...claim }));
      if (kind === "ids that expired") {
        await worker.postUsage({ tenant_id: tenantId, id: "a" });
        for (const day of [0, 2, 45]) await runAlarm(tenantId, { now: () => now + day * DAY_MS });
      }
      expect(await findAlarm(tenantId)).not.toBeNull();
      await setTenantStatus(tenantId, "Purged");
      const atMs = (await findAlarm(tenantId)) ?? 0;
      await runAlarm(tenantId, { now: () => atMs });
      const tables = await runInBuffer(tenantId, ({ sql }) =>
        sql.exec("SELECT name FROM sqlite_master WHERE name IN ('object', 'segments')").toArray(),
      );
      expect([tables, await findAlarm(tenantId)]).toEqual([[], null]);
    },
  );
});
