import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import {
  addTenant,
  bindings,
  bufferOf,
  createTestWorker,
  readAnswer,
  readStored,
  runAlarm,
  setTenantStatus,
} from "../usage-test-kit.ts";
import type { AppendRequest } from "./append-request.ts";
import { type PackedAppend, packAppend } from "./append-wire.ts";

const worker = createTestWorker();
const DAY_MS = 86_400_000;

const countRows = (tenantId: string, table: string) =>
  runInDurableObject(
    bufferOf(tenantId),
    (_buffer, { storage }) => storage.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).one().n,
  );

const idRequest = (tenantId: string, id: number): AppendRequest => ({
  v: 1,
  tenantId,
  shard: 0,
  ids: Uint32Array.of(id, 1, 2, 3, 4, 5),
  hours: ["2026-11-21T12"],
  lines: [`{"id":"${id}"}`],
});

describe("UsageBuffer", () => {
  it("has an alarm as soon as it has an event, and flushes by it", async () => {
    const tenantId = await addTenant("alarmed");
    await worker.postUsage({ tenant_id: tenantId });
    expect(await runDurableObjectAlarm(bufferOf(tenantId))).toBe(true);
    expect((await readStored(tenantId)).lines).toHaveLength(1);
    expect(await countRows(tenantId, "batches")).toBe(0);
  });

  it("keeps buffered events and known ids when it is evicted", async () => {
    const tenantId = await addTenant("evicted");
    const send = async (id: string) =>
      (await readAnswer(await worker.postUsage({ tenant_id: tenantId, id }))).results[0];
    await send("a");
    await evictDurableObject(bufferOf(tenantId));
    expect(await send("a")).toMatchObject({ status: "duplicate" });
    await send("b");
    await runAlarm(tenantId);
    await evictDurableObject(bufferOf(tenantId));
    expect(await send("a")).toMatchObject({ status: "duplicate" });
    expect(await send("b")).toMatchObject({ status: "duplicate" });
    expect(await send("c")).toMatchObject({ status: "accepted" });
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).events.map(({ id }) => id)).toEqual(["a", "b", "c"]);
  });

  it("flushes an event whose write took effect and then failed, once its sender has tried again", async () => {
    const tenantId = await addTenant("half-failed");
    await runInDurableObject(bufferOf(tenantId), async (buffer, { storage }) => {
      await buffer.append(...packAppend(idRequest(tenantId, 1)));
      await buffer.alarm();
      await storage.deleteAlarm();
      const { sql } = storage;
      const exec = sql.exec.bind(sql);
      Object.defineProperty(sql, "exec", {
        configurable: true,
        value: (query: string, ...values: unknown[]) => {
          const cursor = exec(query, ...values);
          if (query.includes("INSERT INTO batches")) throw new Error("the write took effect, its answer was lost");
          return cursor;
        },
      });
      await expect(buffer.append(...packAppend(idRequest(tenantId, 2)))).rejects.toThrow("its answer was lost");
      Object.defineProperty(sql, "exec", { configurable: true, value: exec });
      await buffer.append(...packAppend(idRequest(tenantId, 2)));
      expect(await storage.getAlarm()).toBeLessThan(Date.now() + DAY_MS / 2);
    });
  });

  it("never uses an object's name twice, not even after an eviction", async () => {
    const tenantId = await addTenant("names");
    for (let round = 0; round < 3; round++) {
      await worker.postUsage({ tenant_id: tenantId });
      await runAlarm(tenantId);
      await evictDurableObject(bufferOf(tenantId));
    }
    const { keys } = await readStored(tenantId);
    expect(keys.map((key) => key.replace(/.*\//, ""))).toEqual(["s0-1-1.jsonl", "s0-2-2.jsonl", "s0-3-3.jsonl"]);
  });

  it("writes requests that arrive together as one row", async () => {
    const tenantId = await addTenant("grouped");
    const requests = Array.from({ length: 40 }, (_, index) => idRequest(tenantId, index % 30));
    const statuses = await runInDurableObject(bufferOf(tenantId), async (buffer) => {
      const results = await Promise.all(requests.map((request) => buffer.append(...packAppend(request))));
      return results.join("");
    });
    expect(statuses).toBe("a".repeat(30) + "d".repeat(10));
    expect(await countRows(tenantId, "batches")).toBe(1);
  });

  it("writes nothing for a duplicate", async () => {
    const tenantId = await addTenant("free-duplicates");
    await worker.postUsage({ tenant_id: tenantId, id: "a" });
    await worker.postUsage({ tenant_id: tenantId, id: "a" });
    expect(await countRows(tenantId, "batches")).toBe(1);
  });

  it("splits what one row cannot hold", async () => {
    const tenantId = await addTenant("wide");
    const path = `/${"é".repeat(500)}`;
    const events = Array.from({ length: 900 }, (_, index) => ({ tenant_id: tenantId, id: `e${index}`, path }));
    expect(await readAnswer(await worker.postUsage(events))).toMatchObject({ accepted: 900 });
    expect(await countRows(tenantId, "batches")).toBe(2);
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines).toHaveLength(900);
  });

  it("remembers ids past their sealing into pages, and forgets them after the window", async () => {
    const tenantId = await addTenant("sealed");
    const events = Array.from({ length: 500 }, (_, index) => ({ tenant_id: tenantId, id: `e${index}` }));
    await worker.postUsage(events.slice(0, 250));
    await runAlarm(tenantId);
    await worker.postUsage(events.slice(250));
    await runAlarm(tenantId);
    expect(await countRows(tenantId, "segments")).toBe(2);
    const now = Date.now();
    await runAlarm(tenantId, { now: () => now + DAY_MS + 1 });
    expect([await countRows(tenantId, "segments"), await countRows(tenantId, "pages")]).toEqual([0, 1]);
    expect(await readAnswer(await worker.postUsage(events))).toMatchObject({ duplicates: 500 });
    await evictDurableObject(bufferOf(tenantId));
    expect(await readAnswer(await worker.postUsage(events))).toMatchObject({ duplicates: 500 });
    expect(await readAnswer(await worker.postUsage({ ...events[7], qty: 2 }))).toMatchObject({ conflicts: 1 });
    await runAlarm(tenantId, { now: () => now + 35 * DAY_MS });
    expect(await readAnswer(await worker.postUsage(events[0]))).toMatchObject({ duplicates: 1 });
    await runAlarm(tenantId, { now: () => now + 38 * DAY_MS });
    expect(await countRows(tenantId, "pages")).toBe(0);
    expect(await readAnswer(await worker.postUsage(events[0]))).toMatchObject({ accepted: 1 });
  });

  it("loses everything and writes nothing once its tenant is being purged", async () => {
    for (const status of ["Purging", "Purged"]) {
      const tenantId = await addTenant(`gone-${status}`);
      await worker.postUsage({ tenant_id: tenantId, id: "a" });
      await setTenantStatus(tenantId, status);
      await runAlarm(tenantId);
      expect(await readStored(tenantId)).toMatchObject({ rows: [], keys: [] });
      const left = await runInDurableObject(bufferOf(tenantId), async (_buffer, { storage }) => ({
        tables: storage.sql.exec("SELECT name FROM sqlite_master WHERE name IN ('batches', 'segments')").toArray(),
        alarm: await storage.getAlarm(),
      }));
      expect(left).toEqual({ tables: [], alarm: null });
    }
  });

  it("erases flushed ids of a purged tenant at its daily alarm", async () => {
    const tenantId = await addTenant("gone-daily");
    await worker.postUsage({ tenant_id: tenantId, id: "a" });
    await runAlarm(tenantId);
    await setTenantStatus(tenantId, "Purged");
    const now = Date.now();
    await runAlarm(tenantId, { now: () => now + DAY_MS + 1 });
    const tables = await runInDurableObject(bufferOf(tenantId), (_buffer, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'segments'").toArray(),
    );
    expect(tables).toEqual([]);
  });

  it("answers 503 with Retry-After when its backlog is full, takes nothing of the request, and recovers", async () => {
    const tenantId = await addTenant("full");
    await worker.postUsage({ tenant_id: tenantId, id: "a" });
    const setEvents = (events: number) =>
      runInDurableObject(bufferOf(tenantId), (_buffer, { storage }) => {
        storage.sql.exec("UPDATE batches SET events = ?", events);
      });
    await setEvents(199_999);
    await evictDurableObject(bufferOf(tenantId));
    const refused = await worker.postUsage([
      { tenant_id: tenantId, id: "b" },
      { tenant_id: tenantId, id: "c" },
    ]);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ code: "unavailable", results: [{ reason: "unavailable" }, {}] });
    expect((await worker.postUsage({ tenant_id: tenantId, id: "d" })).status).toBe(202);
    await setEvents(1);
    await evictDurableObject(bufferOf(tenantId));
    await runAlarm(tenantId);
    expect(await readAnswer(await worker.postUsage({ tenant_id: tenantId, id: "b" }))).toMatchObject({ accepted: 1 });
  });

  it("takes an event again whose row could not be written", async () => {
    const tenantId = await addTenant("unwritten");
    await worker.postUsage({ tenant_id: tenantId, id: "a" });
    await runInDurableObject(bufferOf(tenantId), (_buffer, { storage }) => {
      storage.sql.exec("ALTER TABLE batches RENAME TO moved");
    });
    expect((await worker.postUsage({ tenant_id: tenantId, id: "b" })).status).toBe(503);
    await runInDurableObject(bufferOf(tenantId), (_buffer, { storage }) => {
      storage.sql.exec("DROP TABLE IF EXISTS batches");
      storage.sql.exec("ALTER TABLE moved RENAME TO batches");
    });
    expect(await readAnswer(await worker.postUsage({ tenant_id: tenantId, id: "b" }))).toMatchObject({ accepted: 1 });
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).events.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("refuses a request of a version or a form that it does not know, and one of another tenant", async () => {
    const tenantId = await addTenant("versions");
    const stub = bufferOf(tenantId);
    const request = { tenantId, shard: 0, ids: new Uint32Array(0), hours: [], lines: [] };
    expect(await stub.append(...packAppend({ ...request, v: 2 as 1 }))).toBe('{"v":1,"kind":"unsupported"}');
    expect(await stub.append(...packAppend({ ...request, v: 1 }))).toBe("");
    for (const garbage of [[], [request], ["", ""], [request.ids, "{"]]) {
      expect(await stub.append(...(garbage as unknown as PackedAppend))).toBe('{"v":1,"kind":"unsupported"}');
    }
    await runInDurableObject(stub, async (buffer) => {
      await expect(buffer.append(...packAppend({ ...request, v: 1, tenantId: "versions-other" }))).rejects.toThrow(
        "another tenant",
      );
    });
  });

  it("spreads a tenant over shards and finds each id's copies in its shard", async () => {
    const tenantId = await addTenant("sharded");
    const shards = { USAGE_SHARDS: `${tenantId}=3` };
    const events = Array.from({ length: 60 }, (_, index) => ({ tenant_id: tenantId, id: `e${index}` }));
    expect(await readAnswer(await worker.postUsage(events, {}, shards))).toMatchObject({ accepted: 60 });
    const answer = await readAnswer(await worker.postUsage(events.toReversed(), {}, shards));
    expect(answer).toMatchObject({ duplicates: 60 });
    expect(answer.results.map(({ id }) => id)).toEqual(events.map(({ id }) => id).toReversed());
    for (const shard of [0, 1, 2]) await runAlarm(tenantId, {}, shard);
    const stored = await readStored(tenantId);
    expect(stored.lines).toHaveLength(60);
    expect(stored.keys.map((key) => key.replace(/.*\/(s\d)-.*/, "$1"))).toEqual(["s0", "s1", "s2"]);
    expect(bindings.USAGE_SHARDS).toBeUndefined();
  });
});
