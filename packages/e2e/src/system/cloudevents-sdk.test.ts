import { LOCAL_SECRETS } from "@prego/local/stack";
import { CloudEvent, emitterFor, HTTP, httpTransport, type Message, Mode } from "cloudevents";
import { afterAll, beforeAll, expect, test } from "vitest";
import { idsOf, startUsageStack, type UsageStack } from "./usage-test-kit.ts";

let stack: UsageStack;

beforeAll(async () => {
  stack = await startUsageStack();
});
afterAll(() => stack.close());

const createEvent = (subject: string, more: Partial<CloudEvent<unknown>> = {}) =>
  new CloudEvent<unknown>({
    id: "a",
    source: "https://app.example/checkout",
    type: "tokens",
    subject,
    time: "2026-01-01T00:00:00.000Z",
    data: { value: "3.5", path: "/v1/pay", status: 200 },
    ...more,
  });

const post = ({ headers, body }: Message): Promise<Response> =>
  stack.send("/api/v1/events", body as string, headers as Record<string, string>);

const BATCH = { "content-type": "application/cloudevents-batch+json" };

test.each([
  ["structured", (event: CloudEvent<unknown>) => HTTP.structured(event)],
  ["binary", (event: CloudEvent<unknown>) => HTTP.binary(event)],
  ["batch", (event: CloudEvent<unknown>) => ({ headers: BATCH, body: JSON.stringify([event]) })],
])("a %s event of the CloudEvents SDK arrives as it was meant, and again counts once", async (mode, toMessage) => {
  const tenantId = await stack.addTenant(`ce-${mode}`);
  const time = new Date(Date.now() - 60_000).toISOString();
  const event = createEvent(tenantId, { time, traceid: "trace_sdk-1" });
  const statuses = [];
  for (const sent of [event, event, event.cloneWith({ id: "last" })]) {
    const response = await post(toMessage(sent));
    statuses.push([response.status, await response.text()]);
  }
  expect(statuses).toEqual([204, 204, 204].map((status) => [status, ""]));
  const lines = await stack.awaitLines(tenantId, 2);
  expect(idsOf(lines)).toEqual(["a", "last"]);
  expect(lines.find(({ id }) => id === "a")).toEqual({
    id: "a",
    source: "https://app.example/checkout",
    tenant_id: tenantId,
    meter_key: "tokens",
    qty: "3.5",
    timestamp: time,
    received_at: expect.stringMatching(/Z$/),
    path: "/v1/pay",
    status: 200,
    trace_id: "trace_sdk-1",
  });
});

test("the same event in all three modes counts once", async () => {
  const tenantId = await stack.addTenant("ce-modes");
  const event = createEvent(tenantId, { time: new Date().toISOString() });
  const messages = [
    HTTP.structured(event),
    HTTP.binary(event),
    { headers: BATCH, body: JSON.stringify([event, event.cloneWith({ id: "last" })]) },
  ];
  for (const message of messages) expect((await post(message)).status).toBe(204);
  expect(idsOf(await stack.awaitLines(tenantId, 2))).toEqual(["a", "last"]);
});

test("a percent escape in a header is decoded once, though the SDK does not write one for it", async () => {
  const tenantId = await stack.addTenant("ce-percent");
  const event = createEvent(tenantId, { time: new Date().toISOString(), source: "urn:a%20b" });
  expect((await post(HTTP.binary(event))).status).toBe(204);
  expect((await post(HTTP.structured(event))).status).toBe(204);
  expect((await stack.awaitLines(tenantId, 2)).map(({ source = "" }) => source).toSorted()).toEqual([
    "urn:a b",
    "urn:a%20b",
  ]);
});

test.each([Mode.BINARY, Mode.STRUCTURED])("the SDK's own HTTP transport delivers in %s mode", async (mode) => {
  const tenantId = await stack.addTenant(`ce-emit-${mode}`);
  const emit = emitterFor(httpTransport(new URL("/api/v1/events", stack.url)), { mode });
  const headers = { authorization: `Bearer ${LOCAL_SECRETS.USE_WRITER_SECRET}` };
  const answer = await emit(createEvent(tenantId, { time: new Date().toISOString() }), { headers });
  expect(answer).toMatchObject({ body: "" });
  expect(await stack.awaitLines(tenantId, 1)).toEqual([expect.objectContaining({ id: "a", qty: "3.5" })]);
});

test("an event that is too old, or of no tenant, is refused", async () => {
  const tenantId = await stack.addTenant("ce-refused");
  const old = await post(HTTP.binary(createEvent(tenantId)));
  expect([old.status, await old.json()]).toEqual([
    400,
    expect.objectContaining({ results: [expect.objectContaining({ reason: "timestamp_too_old" })] }),
  ]);
  const nobody = await post(HTTP.structured(createEvent("ce-nobody", { time: new Date().toISOString() })));
  expect(nobody.status).toBe(404);
});
