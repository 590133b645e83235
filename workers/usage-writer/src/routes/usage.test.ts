import { describe, expect, it } from "vitest";
import type { Env } from "../env.ts";
import {
  addTenant,
  bindings,
  createTestWorker,
  NOON_MS,
  readAnswer,
  readStored,
  runAlarm,
  setTenantStatus,
} from "../usage-test-kit.ts";

const worker = createTestWorker(NOON_MS);

interface Problem {
  code: string;
  errors?: { pointer: string; message: string }[];
  results?: { status: string; reason?: string }[];
}
const readProblem = async (response: Response): Promise<Problem> => response.json();

describe("POST /usage", () => {
  it("answers 202 and brings the event to R2 and into usage_objects", async () => {
    const tenantId = await addTenant("one");
    const response = await worker.postUsage({
      tenant_id: tenantId,
      id: "a",
      source: "gateway",
      qty: "1.50",
      path: "/v1/x",
      status: 200,
      timestamp: "2026-11-21T13:00:00+01:00",
    });
    expect(response.status).toBe(202);
    expect(await readAnswer(response)).toEqual({
      accepted: 1,
      duplicates: 0,
      conflicts: 0,
      rejected: 0,
      results: [{ status: "accepted", id: "a" }],
    });
    await runAlarm(tenantId);
    const stored = await readStored(tenantId);
    expect(stored.lines).toEqual([
      `{"id":"a","source":"gateway","tenant_id":"one","meter_key":"api_requests","qty":"1.50",` +
        `"timestamp":"2026-11-21T12:00:00.000Z","received_at":"2026-11-21T12:30:00.000Z","path":"/v1/x","status":200}`,
    ]);
    expect(stored.keys).toEqual(["usage_raw/tenant_id=one/dt=2026-11-21/hour=12/s0-1-1.jsonl"]);
    const object = await bindings.BUCKET.head(stored.keys[0] ?? "");
    expect(stored.rows).toEqual([
      {
        r2_key: stored.keys[0],
        hour: "2026-11-21T12",
        events: 1,
        bytes: object?.size,
        sha256: object?.checksums.toJSON().sha256,
        status: "pending",
      },
    ]);
  });

  it("fills in meter, quantity and time of an event that has none", async () => {
    const tenantId = await addTenant("defaults");
    expect((await worker.postUsage({ tenant_id: tenantId })).status).toBe(202);
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).events).toEqual([
      {
        tenant_id: tenantId,
        meter_key: "api_requests",
        qty: "1",
        timestamp: "2026-11-21T12:30:00.000Z",
        received_at: "2026-11-21T12:30:00.000Z",
      },
    ]);
  });

  it("keeps the digits of a JSON number", async () => {
    const tenantId = await addTenant("digits");
    await worker.post("/usage", `{"tenant_id":"digits","qty":123456789012.000001}`);
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).events).toEqual([expect.objectContaining({ qty: "123456789012.000001" })]);
  });

  it("counts a repeated event once and reports another content under the same id as a conflict", async () => {
    const tenantId = await addTenant("repeat");
    const event = { tenant_id: tenantId, id: "a", qty: 2 };
    const statuses = [];
    for (const value of [event, event, { ...event, qty: "2.0" }, { ...event, qty: 3 }, { ...event, source: "other" }]) {
      const { results } = await readAnswer(await worker.postUsage(value));
      statuses.push(results[0]?.status);
    }
    expect(statuses).toEqual(["accepted", "duplicate", "duplicate", "conflict", "accepted"]);
    await runAlarm(tenantId);
    const statusesAfterFlush = await readAnswer(await worker.postUsage([event, { ...event, qty: 3 }]));
    expect(statusesAfterFlush).toMatchObject({ duplicates: 1, conflicts: 1 });
    expect((await readStored(tenantId)).lines).toHaveLength(2);
  });

  it("keeps ids of different sources and tenants apart, however they are written", async () => {
    const [a, b] = [await addTenant("apart-1"), await addTenant("apart")];
    const answer = await readAnswer(
      await worker.postUsage([
        { tenant_id: a, source: "a-b", id: "c" },
        { tenant_id: a, source: "a", id: "b-c" },
        { tenant_id: b, source: "a-b", id: "c" },
        { tenant_id: b, source: "1-a-b", id: "c" },
      ]),
    );
    expect(answer.accepted).toBe(4);
  });

  it("answers every event of a batch in its place, and one bad event costs no other", async () => {
    const tenantId = await addTenant("mixed");
    const gone = await addTenant("mixed-gone", "Purged");
    const response = await worker.postUsage([
      { tenant_id: tenantId, id: "a" },
      { tenant_id: tenantId, id: "a" },
      { tenant_id: tenantId, id: "a", qty: 2 },
      { tenant_id: tenantId, id: "b", qty: -1 },
      { tenant_id: "mixed-unknown", id: "b" },
      { tenant_id: gone, id: "b" },
      "not an event",
      { tenant_id: tenantId, id: "c", qty: -1, correction: true },
    ]);
    expect(response.status).toBe(202);
    expect(await readAnswer(response)).toEqual({
      accepted: 2,
      duplicates: 1,
      conflicts: 1,
      rejected: 4,
      results: [
        { status: "accepted", id: "a" },
        { status: "duplicate", id: "a", reason: "already_counted" },
        { status: "conflict", id: "a", reason: "id_has_other_content" },
        { status: "rejected", reason: "quantity_invalid", pointer: "/qty" },
        { status: "rejected", id: "b", reason: "tenant_unknown" },
        { status: "rejected", id: "b", reason: "tenant_gone" },
        { status: "rejected", reason: "not_an_object" },
        { status: "accepted", id: "c" },
      ],
    });
  });

  it("answers 400 with the fate of each when all are rejected", async () => {
    const tenantId = await addTenant("all-rejected");
    const response = await worker.postUsage([{ tenant_id: tenantId, qty: 0 }, { tenant_id: "../b" }]);
    expect(response.status).toBe(400);
    const problem = await readProblem(response);
    expect(problem.code).toBe("all_events_rejected");
    expect(problem.results?.map(({ reason }) => reason)).toEqual(["quantity_invalid", "tenant_id_invalid"]);
    expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(["/0/qty", "/1/tenant_id"]);
  });

  it("answers 404 for an unknown tenant and 410 for one that is being or was purged", async () => {
    const [purging, purged] = [await addTenant("purging", "Purging"), await addTenant("purged", "Purged")];
    const statuses = [];
    for (const tenantId of ["nobody", purging, purged]) {
      statuses.push((await worker.postUsage({ tenant_id: tenantId })).status);
    }
    expect(statuses).toEqual([404, 410, 410]);
  });

  it("takes usage of a tenant that is overdue, suspended or pending deletion", async () => {
    for (const status of ["Provisioning", "Past_Due", "Suspended", "Pending_Deletion"]) {
      const tenantId = await addTenant(`state-${status}`, status);
      expect((await worker.postUsage({ tenant_id: tenantId })).status).toBe(202);
    }
  });

  it("asks the database once a minute for a known tenant and never caches longer", async () => {
    const own = createTestWorker(NOON_MS);
    const tenantId = await addTenant("cached");
    await own.postUsage({ tenant_id: tenantId });
    await setTenantStatus(tenantId, "Purging");
    own.clock.nowMs += 59_000;
    expect((await own.postUsage({ tenant_id: tenantId })).status).toBe(202);
    own.clock.nowMs += 1_000;
    expect((await own.postUsage({ tenant_id: tenantId })).status).toBe(410);
  });

  it("knows a new tenant a second after it was unknown", async () => {
    const own = createTestWorker(NOON_MS);
    expect((await own.postUsage({ tenant_id: "newcomer" })).status).toBe(404);
    await addTenant("newcomer");
    own.clock.nowMs += 1_000;
    expect((await own.postUsage({ tenant_id: "newcomer" })).status).toBe(202);
  });

  it("answers 503 while the database cannot be asked, and takes the same event after that", async () => {
    const tenantId = await addTenant("database-down");
    const event = { tenant_id: tenantId, id: "a" };
    const prepare = () => {
      throw new Error("D1_ERROR: Network connection lost.");
    };
    const response = await worker.postUsage(event, {}, { DB: { prepare } as unknown as D1Database });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await readAnswer(await worker.postUsage(event))).toMatchObject({ accepted: 1 });
  });

  it("answers 503 while the buffer cannot be asked; tries again where ids make that safe", async () => {
    const tenantId = await addTenant("buffer-down");
    let attempts = 0;
    const append = () => {
      attempts++;
      return Promise.reject(Object.assign(new Error("Durable Object reset."), { retryable: true }));
    };
    const overrides = { USAGE_BUFFER: { getByName: () => ({ append }) } as unknown as Env["USAGE_BUFFER"] };
    const statuses = [];
    for (const event of [{ tenant_id: tenantId }, { tenant_id: tenantId, id: "a" }]) {
      const response = await worker.postUsage([event, "bad"], {}, overrides);
      statuses.push(response.status, attempts);
      expect(await response.json()).toMatchObject({
        code: "unavailable",
        results: [{ reason: "unavailable" }, { reason: "not_an_object" }],
      });
    }
    expect(statuses).toEqual([503, 1, 503, 4]);
  });

  it("gives events without a trace id the one of their request", async () => {
    const tenantId = await addTenant("traced");
    const events = [{ tenant_id: tenantId }, { tenant_id: tenantId, trace_id: "trace_own" }];
    await worker.postUsage(events, { "x-trace-id": "trace_request" });
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).events.map((event) => event["trace_id"])).toEqual([
      "trace_request",
      "trace_own",
    ]);
  });

  it("puts each hour of event time into an object of its own", async () => {
    const tenantId = await addTenant("hours");
    await worker.postUsage([
      { tenant_id: tenantId, id: "a", timestamp: "2026-11-21T12:29:59.999Z" },
      { tenant_id: tenantId, id: "b", timestamp: "2026-11-21T11:59:59.999Z" },
      { tenant_id: tenantId, id: "c", timestamp: "2026-10-18T00:00:00+09:00" },
    ]);
    await runAlarm(tenantId);
    expect((await readStored(tenantId)).keys).toEqual([
      "usage_raw/tenant_id=hours/dt=2026-10-17/hour=15/s0-1-1.jsonl",
      "usage_raw/tenant_id=hours/dt=2026-11-21/hour=11/s0-1-1.jsonl",
      "usage_raw/tenant_id=hours/dt=2026-11-21/hour=12/s0-1-1.jsonl",
    ]);
  });

  it("writes a log line that holds no input", async () => {
    const tenantId = await addTenant("logged");
    const before = worker.lines.length;
    await worker.postUsage({ tenant_id: tenantId, id: "secret-id", path: "/private" });
    const lines = worker.lines.slice(before).join("\n");
    expect(lines).toContain(`"route":"/usage"`);
    expect(lines).not.toMatch(/secret-id|private/);
  });
});

describe("POST /usage in NDJSON", () => {
  const postLines = (body: BodyInit) => worker.post("/usage", body, { "content-type": "application/x-ndjson" });

  it("reads one event a line and passes over blank lines", async () => {
    const tenantId = await addTenant("lines");
    const line = (id: string) => JSON.stringify({ tenant_id: tenantId, id });
    const answer = await readAnswer(await postLines(`${line("a")}\r\n\n  \n${line("b")}`));
    expect(answer).toMatchObject({ accepted: 2, rejected: 0 });
  });

  it("loses only the line that cannot be read", async () => {
    const tenantId = await addTenant("bad-lines");
    const line = JSON.stringify({ tenant_id: tenantId });
    const body = new TextEncoder().encode(`${line}\n{"tenant_id":\n?\n${line}\n[1]\n`);
    // A lone continuation byte: the third line is not UTF-8.
    body[body.indexOf("?".charCodeAt(0))] = 0x80;
    const answer = await readAnswer(await postLines(body));
    expect(answer.results.map(({ status, reason }) => reason ?? status)).toEqual([
      "accepted",
      "malformed_line",
      "malformed_line",
      "accepted",
      "not_an_object",
    ]);
  });
});

describe("GET /health", () => {
  const readHealth = async (overrides = {}) =>
    (await worker.send(new Request("https://usage.test/health"), overrides)).json();

  it("says that ingest is open while no secret is set", async () => {
    expect(await readHealth()).toMatchObject({ status: "ok", missing: [], notes: [expect.stringContaining("open")] });
    expect(await readHealth({ USE_WRITER_SECRET: "s" })).toMatchObject({ notes: [] });
    expect(await readHealth({ USE_WRITER_SECRET: " " })).toMatchObject({ notes: [expect.stringContaining("open")] });
  });
});

describe("GET /openapi.json", () => {
  it("documents both ways in", async () => {
    const response = await worker.send(new Request("https://usage.test/openapi.json"));
    const document: { openapi: string; paths: Record<string, object> } = await response.json();
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(["/usage", "/api/v1/events"]));
    expect(JSON.stringify(document.paths["/usage"])).toContain("tenant_id");
  });
});
