import { beforeAll, describe, expect, it } from "vitest";
import { addTenant, bindings, createTestWorker, NOON_MS, readAnswer, readStored, runAlarm } from "../usage-test-kit.ts";

const AT = "2026-11-21T12:00:00Z";
let worker: ReturnType<typeof createTestWorker>;

const native = (tenantId: string, more: Record<string, unknown> = {}) => ({
  tenant_id: tenantId,
  meter_key: "visitors",
  id: "a",
  source: "gateway",
  timestamp: AT,
  ...more,
});

const cloudEvent = (tenantId: string, data: unknown, more: Record<string, unknown> = {}) => ({
  specversion: "1.0",
  id: "a",
  source: "gateway",
  type: "visitors",
  subject: tenantId,
  time: AT,
  data,
  ...more,
});

const postCloud = (value: unknown, type: string) =>
  worker.post("/api/v1/events", JSON.stringify(value), { "content-type": type });

async function storedValues(tenantId: string): Promise<unknown[]> {
  await runAlarm(tenantId);
  return (await readStored(tenantId)).events.map(({ meter_key: meter, qty, value }) => [meter, qty, value]);
}

beforeAll(async () => {
  const insert = "INSERT INTO meters VALUES (?1, ?1, 'visitor', 'unique', ?2, '2026-11-01T00:00:00.000Z')";
  await bindings.DB.batch([
    bindings.DB.prepare(insert).bind("visitors", null),
    bindings.DB.prepare(insert).bind("devices", "device_id"),
  ]);
  worker = createTestWorker(NOON_MS);
});

/** Answers every question about the tables but this one. */
const withoutMeters = (): D1Database =>
  new Proxy(bindings.DB, {
    get: (database, name) => {
      if (name !== "prepare") return Reflect.get(database, name) as unknown;
      return (query: string) => {
        if (query.includes("meters")) throw new Error("D1_ERROR: Network connection lost.");
        return database.prepare(query);
      };
    },
  });

describe("an event of a meter that counts distinct values", () => {
  it("is told apart for ten more minutes while the database does not say which meters there are", async () => {
    const tenantId = await addTenant("uq-outage");
    const own = createTestWorker(NOON_MS);
    const database = { DB: bindings.DB };
    const post = (value: unknown) => own.postUsage(value, {}, database);
    expect((await post(native(tenantId, { id: "1", value: "a" }))).status).toBe(202);
    database.DB = withoutMeters();
    own.clock.nowMs += 10 * 60_000;
    expect((await post(native(tenantId, { id: "2", value: "b" }))).status).toBe(202);
    expect((await post(native(tenantId, { id: "3" }))).status).toBe(400);
    own.clock.nowMs += 2 * 60_000;
    expect((await post(native(tenantId, { id: "4", value: "d" }))).status).toBe(503);
  });

  it("is stored with its value at the end of its line, and counts 1 unless it says otherwise", async () => {
    const tenantId = await addTenant("uq-line");
    const events = [
      native(tenantId, { value: "ü 1", status: 200 }),
      native(tenantId, { id: "b", value: "2", qty: "3" }),
    ];
    expect(await readAnswer(await worker.postUsage(events))).toMatchObject({ accepted: 2 });
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines[0]).toBe(
      `{"id":"a","source":"gateway","tenant_id":"uq-line","meter_key":"visitors","qty":"1",` +
        `"timestamp":"2026-11-21T12:00:00.000Z","received_at":"2026-11-21T12:30:00.000Z","status":200,"value":"ü 1"}`,
    );
    expect(await storedValues(tenantId)).toEqual([
      ["visitors", "1", "ü 1"],
      ["visitors", "3", "2"],
    ]);
  });

  it.each([
    ["one", (event: object) => worker.postUsage(event)],
    ["an array", (event: object) => worker.postUsage([event])],
    [
      "a line",
      (event: object) => worker.post("/usage", JSON.stringify(event), { "content-type": "application/x-ndjson" }),
    ],
  ])("is refused without a value, as %s", async (form, post) => {
    const tenantId = await addTenant(`uq-none-${form.replaceAll(" ", "-")}`);
    const response = await post(native(tenantId));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      results: [{ status: "rejected", reason: "value_required", pointer: "/value" }],
    });
  });

  it("costs no other event of its batch when it is refused, and its id stays free", async () => {
    const tenantId = await addTenant("uq-batch");
    const answer = await readAnswer(
      await worker.postUsage([
        native(tenantId),
        native(tenantId, { id: "b", value: "u1" }),
        native(tenantId, { id: "c", value: "a\nb" }),
        native(tenantId, { id: "d", value: "u1", correction: true, qty: -1 }),
        native(tenantId, { id: "e", meter_key: "api_requests" }),
      ]),
    );
    expect(answer.results.map(({ status, reason, pointer }) => [status, reason, pointer])).toEqual([
      ["rejected", "value_required", "/value"],
      ["accepted", undefined, undefined],
      ["rejected", "invalid_field", "/value"],
      ["rejected", "invalid_field", "/correction"],
      ["accepted", undefined, undefined],
    ]);
    expect(await readAnswer(await worker.postUsage(native(tenantId, { value: "u2" })))).toMatchObject({ accepted: 1 });
  });

  it("conflicts with the same id and another value, and with none", async () => {
    const tenantId = await addTenant("uq-conflict");
    const event = native(tenantId, { value: "u1" });
    const plain = native(tenantId, { id: "p", meter_key: "api_requests" });
    const statuses = [];
    for (const each of [event, event, { ...event, value: "u2" }, plain, { ...plain, value: "u1" }, plain]) {
      statuses.push((await readAnswer(await worker.postUsage([each]))).results[0]?.status);
    }
    expect(statuses).toEqual(["accepted", "duplicate", "conflict", "accepted", "conflict", "duplicate"]);
  });

  it("is the same event as a CloudEvent, whose data holds the value", async () => {
    const tenantId = await addTenant("uq-cloud");
    await worker.postUsage(native(tenantId, { value: "u1" }));
    expect((await postCloud(cloudEvent(tenantId, { value: "u1" }), "application/cloudevents+json")).status).toBe(204);
    const other = await postCloud([cloudEvent(tenantId, { value: "u2" })], "application/cloudevents-batch+json");
    expect(await other.json()).toMatchObject({ conflicts: 1 });
    expect(await storedValues(tenantId)).toEqual([["visitors", "1", "u1"]]);
  });

  it("has its value in the meter's own property, digits of a number kept, in every mode of a CloudEvent", async () => {
    const tenantId = await addTenant("uq-property");
    const head = `"specversion":"1.0","source":"s","type":"devices","subject":"${tenantId}","time":"${AT}"`;
    const data = `{"device_id":12345678901234567890,"value":1}`;
    const type = "application/cloudevents+json";
    await worker.post("/api/v1/events", `{"id":"s",${head},"data":${data}}`, { "content-type": type });
    await worker.post("/api/v1/events", `[{"id":"b",${head},"data":${data}}]`);
    const headers = { "ce-specversion": "1.0", "ce-source": "s", "ce-type": "devices", "ce-subject": tenantId };
    await worker.post("/api/v1/events", data, { ...headers, "ce-id": "h", "ce-time": AT });
    expect(await storedValues(tenantId)).toEqual(
      Array.from({ length: 3 }, () => ["devices", "1", "12345678901234567890"]),
    );
    for (const without of [{ value: "u1" }, { device_id: null }, { device_id: true }, undefined]) {
      const refused = await postCloud(cloudEvent(tenantId, without, { id: "x", type: "devices" }), type);
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({ results: [{ pointer: "/data/device_id" }] });
    }
  });

  it("is known by one read of the meters a minute, whatever the route", async () => {
    const tenantId = await addTenant("uq-cache");
    let reads = 0;
    const { DB: database } = bindings;
    const counting = new Proxy(database, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (name !== "prepare") return typeof member === "function" ? (member.bind(target) as unknown) : member;
        return (query: string) => {
          if (query.includes("meters")) reads += 1;
          return target.prepare(query);
        };
      },
    });
    const own = createTestWorker(NOON_MS);
    const counted = { ...bindings, DB: counting };
    const post = (id: string) => own.postUsage(native(tenantId, { id, value: id }), {}, counted);
    await post("1");
    await post("2");
    await own.post("/api/v1/events", JSON.stringify(cloudEvent(tenantId, { value: "3" }, { id: "3" })), {}, counted);
    expect(reads).toBe(1);
    own.clock.nowMs += 60_000;
    await post("4");
    expect(reads).toBe(2);
  });
});
