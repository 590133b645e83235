import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { PackedAppend } from "../buffer/append-wire.ts";
import type { Env } from "../env.ts";
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
} from "../usage-test-kit.ts";

const worker = createTestWorker(NOON_MS);
const postWithKey = (value: unknown, key: string, overrides = {}) =>
  worker.postUsage(value, { "idempotency-key": key }, overrides);

/** Buffers of which the n-th call takes effect and is not answered. */
function loseAnswer(n: number): Env["USAGE_BUFFER"] {
  let calls = 0;
  const getByName = (name: string) => ({
    append: async (...packed: PackedAppend) => {
      const answer = await bindings.USAGE_BUFFER.getByName(name).append(...packed);
      if (++calls === n) throw new Error("Network connection lost.");
      return answer;
    },
  });
  return { getByName } as unknown as Env["USAGE_BUFFER"];
}

describe("Idempotency-Key", () => {
  it("answers a repeated request with the first one's result and counts its events once", async () => {
    const tenantId = await addTenant("idem");
    const body = [{ tenant_id: tenantId }, { tenant_id: tenantId }, { tenant_id: tenantId, id: "own" }];
    const first = await (await postWithKey(body, "k1")).text();
    expect(JSON.parse(first)).toMatchObject({ accepted: 3, duplicates: 0 });
    expect(await (await postWithKey(body, "k1")).text()).toBe(first);
    await runAlarm(tenantId);
    await evictDurableObject(bufferOf(tenantId));
    expect(await (await postWithKey(body, "k1")).text()).toBe(first);
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines).toHaveLength(3);
  });

  it("repeats duplicates and conflicts of the first request as such", async () => {
    const tenantId = await addTenant("idem-mixed");
    await worker.postUsage([
      { tenant_id: tenantId, id: "old" },
      { tenant_id: tenantId, id: "changed" },
    ]);
    const body = [
      { tenant_id: tenantId, id: "old" },
      { tenant_id: tenantId, id: "changed", qty: 2 },
      { tenant_id: tenantId, id: "new" },
      { tenant_id: tenantId, id: "new" },
      { tenant_id: tenantId, id: "old" },
    ];
    const first = await readAnswer(await postWithKey(body, "k"));
    expect(first.results.map(({ status }) => status)).toEqual([
      "duplicate",
      "conflict",
      "accepted",
      "duplicate",
      "duplicate",
    ]);
    expect(await readAnswer(await postWithKey(body, "k"))).toEqual(first);
    await runAlarm(tenantId);
    await evictDurableObject(bufferOf(tenantId));
    expect(await readAnswer(await postWithKey(body, "k"))).toEqual(first);
  });

  it("gives both of two simultaneous copies the same result", async () => {
    const tenantId = await addTenant("idem-race");
    await worker.postUsage({ tenant_id: tenantId, id: "old" });
    const body = [{ tenant_id: tenantId }, { tenant_id: tenantId, id: "old" }];
    const answers = await Promise.all([1, 2, 3].map(async () => (await postWithKey(body, "k")).text()));
    expect(new Set(answers).size).toBe(1);
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines).toHaveLength(2);
  });

  it("answers 422 for another body under the same key, before and after a flush", async () => {
    const tenantId = await addTenant("idem-reused");
    await postWithKey({ tenant_id: tenantId }, "k");
    const reuse = async () => postWithKey({ tenant_id: tenantId, qty: 2 }, "k");
    expect((await reuse()).status).toBe(422);
    await runAlarm(tenantId);
    await evictDurableObject(bufferOf(tenantId));
    const response = await reuse();
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: "idempotency_key_reused" });
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines).toHaveLength(1);
  });

  it("knows the key per tenant", async () => {
    const [a, b] = [await addTenant("idem-a"), await addTenant("idem-b")];
    expect((await postWithKey({ tenant_id: a }, "k")).status).toBe(202);
    expect(await readAnswer(await postWithKey({ tenant_id: b, qty: 2 }, "k"))).toMatchObject({ accepted: 1 });
  });

  it("answers for each tenant of a request that reuses a key of one of them", async () => {
    const [a, b] = [await addTenant("idem-part-a"), await addTenant("idem-part-b")];
    await postWithKey([{ tenant_id: a }], "k");
    const response = await postWithKey([{ tenant_id: a }, { tenant_id: b }], "k");
    expect(response.status).toBe(202);
    expect((await readAnswer(response)).results.map(({ status, reason }) => reason ?? status)).toEqual([
      "idempotency_key_reused",
      "accepted",
    ]);
  });

  it("finds a reused key in any shard", async () => {
    const tenantId = await addTenant("idem-sharded");
    const shards = { USAGE_SHARDS: `${tenantId}=4` };
    for (let round = 0; round < 8; round++) {
      const first = await postWithKey({ tenant_id: tenantId, id: `first-${round}` }, `k${round}`, shards);
      const repeat = await postWithKey({ tenant_id: tenantId, id: `first-${round}` }, `k${round}`, shards);
      const reuse = await postWithKey({ tenant_id: tenantId, id: `other-${round}` }, `k${round}`, shards);
      expect([first.status, (await readAnswer(repeat)).accepted, reuse.status]).toEqual([202, 1, 422]);
    }
  });

  it("calls an event a duplicate that was counted before, in every shard, and so does a repeat", async () => {
    const tenantId = await addTenant("idem-sharded-known");
    const shards = { USAGE_SHARDS: `${tenantId}=4` };
    const events = Array.from({ length: 12 }, (_, index) => ({ tenant_id: tenantId, id: `e${index}` }));
    await worker.postUsage(events, {}, shards);
    for (const event of [...events, events]) {
      const key = `k-${JSON.stringify(event).length}-${"id" in event ? event.id : "all"}`;
      const first = await readAnswer(await postWithKey(event, key, shards));
      expect(first).toMatchObject({ accepted: 0, conflicts: 0, rejected: 0 });
      expect(await readAnswer(await postWithKey(event, key, shards))).toEqual(first);
      expect((await postWithKey({ tenant_id: tenantId, id: "new" }, key, shards)).status).toBe(422);
    }
  });

  it("gives a repeat the first result over several shards, also after a call between them failed", async () => {
    const tenantId = await addTenant("idem-sharded-crash");
    const shards = { USAGE_SHARDS: `${tenantId}=4` };
    await worker.postUsage({ tenant_id: tenantId, id: "e0" }, {}, shards);
    for (let failing = 1; failing <= 4; failing++) {
      const fresh = Array.from({ length: 40 }, (_, index) => ({ tenant_id: tenantId, id: `${failing}-${index}` }));
      const body = [{ tenant_id: tenantId, id: "e0" }, ...fresh];
      const key = `k${failing}`;
      const broken = { ...shards, USAGE_BUFFER: loseAnswer(failing) };
      expect((await postWithKey(body, key, broken)).status).toBe(503);
      const answer = await readAnswer(await postWithKey(body, key, shards));
      expect(answer.results.map(({ status }) => status)).toEqual(["duplicate", ...fresh.map(() => "accepted")]);
      expect(await readAnswer(await postWithKey(body, key, shards))).toEqual(answer);
      expect((await postWithKey(fresh, key, shards)).status).toBe(422);
    }
    for (const shard of [0, 1, 2, 3]) await runAlarm(tenantId, {}, shard);
    const ids = (await readStored(tenantId)).events.map(({ id }) => id);
    expect([ids.length, new Set(ids).size]).toEqual([161, 161]);
  });

  it("counts one event of two requests with different keys twice, because nothing says that it is one", async () => {
    const tenantId = await addTenant("idem-different");
    await postWithKey({ tenant_id: tenantId }, "k1");
    await postWithKey({ tenant_id: tenantId }, "k2");
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines).toHaveLength(2);
  });

  it("cannot be confused with the id of an event", async () => {
    const tenantId = await addTenant("idempotency-key");
    await worker.postUsage({ tenant_id: tenantId, source: tenantId, id: "k" });
    expect((await postWithKey({ tenant_id: tenantId, qty: 3 }, "k")).status).toBe(202);
  });

  it.each(["", "a".repeat(256), "é", "a\tb"])("refuses the key %j with 400", async (key) => {
    expect((await postWithKey({ tenant_id: "idem-any" }, key)).status).toBe(400);
  });

  it("notes duplicates of a bounded number of requests, for a bounded time", async () => {
    const tenantId = await addTenant("idem-notes");
    const body = Array.from({ length: 600 }, (_, index) => ({ tenant_id: tenantId, id: `e${index}` }));
    await worker.postUsage(body);
    for (let key = 0; key < 180; key++) {
      expect(await readAnswer(await postWithKey(body, `k${key}`))).toMatchObject({ duplicates: 600 });
    }
    const countNotes = () => runInBuffer(tenantId, ({ sql }) => sql.exec("SELECT claim FROM replays").toArray().length);
    expect(await countNotes()).toBe(166);
    await runAlarm(tenantId);
    const nowMs = Date.now();
    await runAlarm(tenantId, { now: () => nowMs + 4 * 86_400_000 });
    expect(await countNotes()).toBe(0);
    await postWithKey(body, "later");
    expect(await countNotes()).toBe(1);
  });

  it("takes a key of 255 characters", async () => {
    const tenantId = await addTenant("idem-long");
    expect((await postWithKey({ tenant_id: tenantId }, "a".repeat(255))).status).toBe(202);
  });
});
