import { describe, expect, it } from "vitest";
import { addTenant, bindings, createTestWorker, NOON_MS, readStored, runAlarm } from "../usage-test-kit.ts";

const worker = createTestWorker(NOON_MS);
const STRUCTURED = "application/cloudevents+json";
const BATCH = "application/cloudevents-batch+json";

const cloudEvent = (subject: string, more: Record<string, unknown> = {}) => ({
  specversion: "1.0",
  id: "a",
  source: "gateway",
  type: "tokens",
  subject,
  time: "2026-11-21T12:00:00Z",
  data: { value: 5 },
  ...more,
});

const postEvents = (value: unknown, type: string) =>
  worker.post("/api/v1/events", JSON.stringify(value), { "content-type": type });

describe("POST /api/v1/events", () => {
  it.each([
    ["one structured event", "ce-structured", STRUCTURED, false],
    ["a batch", "ce-batch", BATCH, true],
    ["one event as plain JSON", "ce-json", "application/json", false],
    ["a list as plain JSON", "ce-list", "application/json; charset=utf-8", true],
  ])("takes %s with 204", async (_name, tenant, type, isList) => {
    const tenantId = await addTenant(tenant);
    const event = cloudEvent(tenantId);
    expect((await postEvents(isList ? [event] : event, type)).status).toBe(204);
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).events).toEqual([
      {
        id: "a",
        source: "gateway",
        tenant_id: tenantId,
        meter_key: "tokens",
        qty: "5",
        timestamp: "2026-11-21T12:00:00.000Z",
        received_at: "2026-11-21T12:30:00.000Z",
      },
    ]);
  });

  it("takes a binary event from its headers", async () => {
    const tenantId = await addTenant("ce-binary");
    const headers = {
      "ce-specversion": "1.0",
      "ce-id": "b%20c",
      "ce-source": "gateway",
      "ce-type": "tokens",
      "ce-subject": tenantId,
    };
    const send = () => worker.post("/api/v1/events", `{"value":"0.000001"}`, headers);
    expect((await send()).status).toBe(204);
    expect((await send()).status).toBe(204);
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).events).toEqual([expect.objectContaining({ id: "b c", qty: "0.000001" })]);
  });

  it("answers a repeated event with 204 and counts it once, whichever way it came in", async () => {
    const tenantId = await addTenant("ce-repeat");
    await postEvents(cloudEvent(tenantId), STRUCTURED);
    expect((await postEvents([cloudEvent(tenantId)], BATCH)).status).toBe(204);
    const native = {
      tenant_id: tenantId,
      id: "a",
      source: "gateway",
      meter_key: "tokens",
      qty: 5,
      timestamp: "2026-11-21T12:00:00Z",
    };
    expect(await (await worker.postUsage(native)).json()).toMatchObject({ duplicates: 1 });
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines).toHaveLength(1);
  });

  it("reads the quantity from the meter's own property, digits kept", async () => {
    const tenantId = await addTenant("ce-property");
    await bindings.DB.prepare(
      "INSERT INTO meters VALUES ('duration', 'Duration', 's', 'sum', 'duration_ms', '2026-11-01T00:00:00.000Z')",
    ).run();
    const own = createTestWorker(NOON_MS);
    const body = JSON.stringify(cloudEvent(tenantId, { type: "duration" })).replace(
      `{"value":5}`,
      `{"value":5,"duration_ms":123456789012.000001}`,
    );
    expect((await own.post("/api/v1/events", body, { "content-type": STRUCTURED })).status).toBe(204);
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).events).toEqual([expect.objectContaining({ qty: "123456789012.000001" })]);
  });

  it("answers 400 with the fate of each event when one of them is not counted", async () => {
    const tenantId = await addTenant("ce-partial");
    const response = await postEvents(
      [cloudEvent(tenantId), cloudEvent(tenantId, { id: "b", time: "2026-02-30T00:00:00Z" }), cloudEvent("ce-nobody")],
      BATCH,
    );
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      accepted: 1,
      rejected: 2,
      results: [
        { status: "accepted", id: "a" },
        { status: "rejected", reason: "timestamp_invalid", pointer: "/time" },
        { status: "rejected", reason: "tenant_unknown" },
      ],
      errors: [{ pointer: "/1/time" }, { pointer: "/2" }],
    });
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).lines).toHaveLength(1);
  });

  it("answers 400 for other content under a known id", async () => {
    const tenantId = await addTenant("ce-conflict");
    await postEvents(cloudEvent(tenantId), STRUCTURED);
    const response = await postEvents(cloudEvent(tenantId, { data: { value: 6 } }), STRUCTURED);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ conflicts: 1 });
  });

  it("answers 404 for an unknown tenant and 410 for a purged one", async () => {
    const purged = await addTenant("ce-purged", "Purged");
    expect((await postEvents(cloudEvent("ce-unknown"), STRUCTURED)).status).toBe(404);
    expect((await postEvents(cloudEvent(purged), STRUCTURED)).status).toBe(410);
  });

  it.each([
    ["no batch", BATCH, {}],
    ["an empty batch", BATCH, []],
    ["a list as one event", STRUCTURED, [{}]],
    ["an event without anything", STRUCTURED, {}],
    ["an event of another version", STRUCTURED, cloudEvent("ce-version", { specversion: "0.3" })],
    ["an event without an id", STRUCTURED, cloudEvent("ce-no-id", { id: undefined })],
    ["data as bytes", STRUCTURED, cloudEvent("ce-bytes", { data: undefined, data_base64: "e30=" })],
    ["a negative quantity", STRUCTURED, cloudEvent("ce-negative", { data: { value: -1 } })],
  ])("answers %s with 400", async (_name, type, value) => {
    expect((await postEvents(value, type)).status).toBe(400);
  });

  it("answers a binary event whose data is no JSON with 400", async () => {
    const headers = { "ce-specversion": "1.0", "ce-id": "a", "ce-source": "s", "ce-type": "t", "ce-subject": "x" };
    expect((await worker.post("/api/v1/events", "{", headers)).status).toBe(400);
    expect((await worker.post("/api/v1/events", "a", { ...headers, "content-type": "text/plain" })).status).toBe(400);
  });
});
