import { beforeAll, describe, expect, it } from "vitest";
import { addTenant, createTestWorker, NOON_MS, readAnswer, readStored, runAlarm } from "../usage-test-kit.ts";

const worker = createTestWorker(NOON_MS);
const SECRET = { USE_WRITER_SECRET: "right-secret", USE_WRITER_SECRET_PREVIOUS: "older-secret" };

describe("who may send usage", () => {
  beforeAll(async () => {
    await addTenant("guarded");
  });

  it.each([
    ["the secret", "Bearer right-secret", 202],
    ["the secret that is being rotated out", "Bearer older-secret", 202],
    ["no header", undefined, 401],
    ["an empty token", "Bearer ", 401],
    ["a wrong token", "Bearer wrong-secret", 401],
    ["a token of the same length", "Bearer right-secreT", 401],
    ["a very long token", `Bearer ${"a".repeat(50_000)}`, 401],
    ["the text undefined", "Bearer undefined", 401],
    ["another scheme", "Basic cmlnaHQ6c2VjcmV0", 401],
  ])("answers %s with the right status", async (_name, authorization, status) => {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    expect((await worker.postUsage({ tenant_id: "guarded" }, headers, SECRET)).status).toBe(status);
  });

  it("stays closed while only the previous secret is left", async () => {
    const overrides = { USE_WRITER_SECRET_PREVIOUS: "older-secret" };
    expect((await worker.postUsage({ tenant_id: "a" }, {}, overrides)).status).toBe(401);
  });

  it("checks the secret before it reads the body", async () => {
    const response = await worker.post("/usage", "{", {}, SECRET);
    expect(response.status).toBe(401);
  });
});

describe("hostile tenant ids", () => {
  it.each([
    "a/dt=2026-11-01",
    "../b",
    "a%2F..%2Fb",
    "%2e%2e/",
    "a\u0000b",
    "",
    "x".repeat(300),
    "а",
    " a",
    "a\n",
    7,
    null,
  ])("rejects %j and writes nothing", async (tenantId) => {
    const response = await worker.postUsage({ tenant_id: tenantId });
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain("dt=2026");
  });

  it("keeps the objects of prefix twins apart", async () => {
    const [one, ten] = [await addTenant("twin_1"), await addTenant("twin_10")];
    await worker.postUsage([{ tenant_id: one }, { tenant_id: ten }]);
    await runAlarm(one);
    await runAlarm(ten);
    expect((await readStored(one)).keys).toHaveLength(1);
    expect((await readStored(ten)).keys).toHaveLength(1);
  });
});

describe("hostile events", () => {
  const rejectedQuantities = [
    "1e309",
    "-1",
    "0",
    "-0",
    "1e-400",
    "1e2",
    "0.0000001",
    "1234567890123",
    '"0x10"',
    '" 5"',
    '"1_000"',
    '""',
    "true",
    "[1]",
    "{}",
    '"NaN"',
    "null",
  ];
  it.each(rejectedQuantities)("rejects the quantity %s", async (quantity) => {
    const response = await worker.post("/usage", `{"tenant_id":"quantities","qty":${quantity}}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ results: [{ status: "rejected", reason: "quantity_invalid" }] });
  });

  it.each(["NaN", "0x10", "Infinity", "+1", "01", ".5"])(
    "refuses the number %s, which is not JSON",
    async (quantity) => {
      const response = await worker.post("/usage", `{"tenant_id":"quantities","qty":${quantity}}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: "malformed_request" });
    },
  );

  it.each([
    ["2026-02-30T00:00:00Z", "timestamp_invalid"],
    ["2026-11-21T24:00:00Z", "timestamp_invalid"],
    ["2026-11-21T12:29:60Z", "timestamp_invalid"],
    ["2026-11-21T12:00:00", "timestamp_invalid"],
    ["1", "timestamp_invalid"],
    [1_795_000_000, "timestamp_invalid"],
    ["1970-01-01T00:00:00Z", "timestamp_too_old"],
    ["2026-10-17T12:29:59.999Z", "timestamp_too_old"],
    ["2036-11-21T12:00:00Z", "timestamp_in_future"],
    ["2026-11-21T12:35:00.001Z", "timestamp_in_future"],
  ])("rejects the time %s as %s", async (timestamp, reason) => {
    const response = await worker.postUsage({ tenant_id: "times", timestamp });
    expect(await response.json()).toMatchObject({ results: [{ reason }] });
  });

  it("takes times at both ends of the window", async () => {
    const tenantId = await addTenant("window");
    const times = ["2026-10-17T12:30:00.000Z", "2026-11-21T12:35:00.000Z"];
    const answer = await readAnswer(
      await worker.postUsage(times.map((timestamp) => ({ tenant_id: tenantId, timestamp }))),
    );
    expect(answer.accepted).toBe(2);
  });

  it.each([{ received_at: "2026-01-01T00:00:00Z" }, { is_operator: true }, { balance: 5 }, { hour: "2026-01-01T00" }])(
    "rejects the extra field of %j",
    async (extra) => {
      const response = await worker.postUsage({ tenant_id: "extra", ...extra });
      expect(await response.json()).toMatchObject({ results: [{ reason: "unknown_field" }] });
    },
  );

  it("rejects keys that aim at prototypes and stays as it was", async () => {
    for (const body of [
      `{"tenant_id":"p","__proto__":{"admin":true}}`,
      `{"tenant_id":"p","constructor":{"prototype":{"admin":true}}}`,
    ]) {
      expect((await worker.post("/usage", body)).status).toBe(400);
    }
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it("keeps one record on one line whatever is in it", async () => {
    const tenantId = await addTenant("injected");
    const paths = [`/a","tenant_id":"other`, "/é\u00a0🙂", "\\n{\\"];
    await worker.postUsage(paths.map((path) => ({ tenant_id: tenantId, path })));
    await runAlarm(tenantId);
    const stored = await readStored(tenantId);
    expect(stored.events.map((event) => [event["tenant_id"], event["path"]])).toEqual(
      paths.map((path) => [tenantId, path]),
    );
  });

  it.each(["a\n{}", "a\u2028b", "a\ud800", "a\u0000", "a\u001b[31m"])("rejects the text %j", async (text) => {
    const response = await worker.postUsage([
      { tenant_id: "texts", path: text },
      { tenant_id: "texts", id: text },
      { tenant_id: "texts", source: text },
    ]);
    expect(response.status).toBe(400);
  });

  it("drops a trace id that is not one and neither fails nor repeats it", async () => {
    const tenantId = await addTenant("bad-trace");
    for (const traceId of ["<script>", "trace_a b", `trace_${"a".repeat(10_000)}`]) {
      const response = await worker.postUsage({ tenant_id: tenantId, trace_id: traceId }, { "x-trace-id": traceId });
      expect(response.status).toBe(202);
    }
    await runAlarm(tenantId);
    const stored = await readStored(tenantId);
    expect(stored.lines).toHaveLength(3);
    expect(stored.events.every((event) => event["trace_id"] === undefined)).toBe(true);
  });
});

describe("hostile bodies", () => {
  it.each([
    ["nothing", ""],
    ["half of JSON", `{"tenant_id":`],
    ["trailing text", `{"tenant_id":"a"}x`],
    ["deep nesting", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
    ["deep nesting in a field", `{"tenant_id":"a","path":${`{"a":`.repeat(5_000)}1${"}".repeat(5_000)}}`],
    ["no UTF-8", new Uint8Array([0x22, 0xff, 0x22])],
  ])("answers %s with 400", async (_name, body) => {
    const response = await worker.post("/usage", body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "malformed_request" });
  });

  it.each([["null"], ["1"], ['"text"'], ["[null]"], ["[[]]"]])("answers the value %s with 400", async (body) => {
    expect((await worker.post("/usage", body)).status).toBe(400);
  });

  it("answers an empty list with 400 and a list of 1,001 with 413", async () => {
    expect((await worker.postUsage([])).status).toBe(400);
    const event = { tenant_id: "many" };
    expect((await worker.postUsage(Array.from({ length: 1_001 }, () => event))).status).toBe(413);
    const lines = `${JSON.stringify(event)}\n`.repeat(1_001);
    expect((await worker.post("/usage", lines, { "content-type": "application/x-ndjson" })).status).toBe(413);
  });

  it("takes a list of 1,000", async () => {
    const tenantId = await addTenant("thousand");
    const events = Array.from({ length: 1_000 }, (_, index) => ({ tenant_id: tenantId, id: `e${index}` }));
    expect(await readAnswer(await worker.postUsage(events))).toMatchObject({ accepted: 1_000 });
  });

  it("answers more than a megabyte with 413, with and without a stated length", async () => {
    const body = `[${" ".repeat(1024 * 1024)}]`;
    expect((await worker.post("/usage", body)).status).toBe(413);
    const stream = new Blob([body]).stream();
    expect((await worker.post("/usage", stream)).status).toBe(413);
  });

  it.each(["text/plain", "application/xml", "multipart/form-data", "application/jsonp"])(
    "answers the content type %s with 415",
    async (type) => {
      expect((await worker.post("/usage", "{}", { "content-type": type })).status).toBe(415);
      expect((await worker.post("/api/v1/events", "{}", { "content-type": type })).status).toBe(415);
    },
  );

  it("answers another method with 405 and another path with 404", async () => {
    const get = await worker.send(new Request("https://usage.test/usage"));
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
    expect((await worker.post("/usage/", "{}")).status).toBe(404);
  });
});
