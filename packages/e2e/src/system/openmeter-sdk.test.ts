import { LOCAL_SECRETS } from "@prego/local/stack";
import { HTTPError, OpenMeter } from "@openmeter/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { idsOf, startUsageStack, type UsageStack } from "./usage-test-kit.ts";

let stack: UsageStack;
let statuses: number[];

beforeAll(async () => {
  stack = await startUsageStack();
});
afterAll(() => stack.close());

/** The SDK as its users make it; the fetch beneath only notes the statuses. */
function createClient(apiKey: string = LOCAL_SECRETS.USE_WRITER_SECRET): OpenMeter {
  statuses = [];
  return new OpenMeter({
    baseUrl: stack.url.origin,
    apiKey,
    fetch: async (request) => {
      const response = await fetch(request);
      statuses.push(response.status);
      return response;
    },
  });
}

const timeOfNow = () => new Date(Math.floor(Date.now() / 1_000) * 1_000 + 7);

test("one event of the SDK arrives as it was meant, and again counts once", async () => {
  const tenantId = await stack.addTenant("om-one");
  const openmeter = createClient();
  const time = timeOfNow();
  const event = {
    id: "evt-1",
    source: "gateway",
    type: "tokens",
    subject: tenantId,
    time,
    data: { value: "12.000001", model: "m" },
  };
  expect(await openmeter.events.ingest(event)).toBeUndefined();
  expect(await openmeter.events.ingest(event)).toBeUndefined();
  await openmeter.events.ingest({ ...event, id: "evt-2" });
  expect(statuses).toEqual([204, 204, 204]);
  const lines = await stack.awaitLines(tenantId, 2);
  expect(idsOf(lines)).toEqual(["evt-1", "evt-2"]);
  expect(lines.find(({ id }) => id === "evt-1")).toEqual({
    id: "evt-1",
    source: "gateway",
    tenant_id: tenantId,
    meter_key: "tokens",
    qty: "12.000001",
    timestamp: time.toISOString(),
    received_at: expect.stringMatching(/Z$/),
  });
});

test("a list of the SDK arrives as it was meant, and again counts once", async () => {
  const tenantId = await stack.addTenant("om-list");
  const openmeter = createClient();
  const events = Array.from({ length: 100 }, (_, index) => ({
    id: `evt-${index}`,
    type: "api_requests",
    subject: tenantId,
    time: timeOfNow(),
    data: { value: index + 1 },
  }));
  await openmeter.events.ingest(events);
  await openmeter.events.ingest(events);
  await openmeter.events.ingest({ ...events[0], id: "last", type: "api_requests", subject: tenantId });
  expect(statuses).toEqual([204, 204, 204]);
  const lines = await stack.awaitLines(tenantId, 101);
  expect(lines).toHaveLength(101);
  const sent = events.map(({ id, data }) => [id, String(data.value), "@openmeter/sdk"]);
  const stored = new Map(lines.map(({ id, qty, source }) => [id, [id, qty, source]]));
  expect(events.map(({ id }) => stored.get(id))).toEqual(sent);
});

test("an event without id, time and data counts one unit under an id of the SDK's own", async () => {
  const tenantId = await stack.addTenant("om-default");
  await createClient().events.ingest({ type: "api_requests", subject: tenantId });
  expect(statuses).toEqual([204]);
  expect(await stack.awaitLines(tenantId, 1)).toEqual([
    expect.objectContaining({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), source: "@openmeter/sdk", qty: "1" }),
  ]);
});

test("a repeat under the same id with the SDK's new default time is a conflict, not a second count", async () => {
  const tenantId = await stack.addTenant("om-time");
  const openmeter = createClient();
  const event = { id: "evt", type: "api_requests", subject: tenantId };
  await openmeter.events.ingest({ ...event, time: new Date(Date.now() - 1_000) });
  await expect(openmeter.events.ingest(event)).rejects.toMatchObject({ status: 400 });
  await openmeter.events.ingest({ ...event, id: "last" });
  expect(await stack.awaitLines(tenantId, 2)).toHaveLength(2);
});

test.each([
  ["a subject that is no tenant", { type: "api_requests", subject: "om-nobody" }, undefined, 400],
  ["a negative quantity", { type: "api_requests", subject: "om-one", data: { value: -1 } }, undefined, 400],
  ["a wrong key", { type: "api_requests", subject: "om-one" }, "wrong", 401],
])("the SDK throws its HTTPError for %s", async (_name, event, apiKey, status) => {
  const error: unknown = await createClient(apiKey)
    .events.ingest(event)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(HTTPError);
  expect(error).toMatchObject({ status, type: expect.stringMatching(/^urn:prego:problem:/) });
});
