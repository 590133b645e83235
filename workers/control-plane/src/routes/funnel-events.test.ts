import { hmacSha256Hex } from "@prego/core/auth";
import { describe, expect, test } from "vitest";
import { bindings, createTestPlane, NOON_MS, rows } from "../onboarding-test-kit.ts";

const INGEST = "/internal/funnel-events/ingest";
const view = (more: object = {}) => ({ event_type: "m_page_view", source: "admin-web", anonymous_id: "a", ...more });
const login = (email: string, more: object = {}) => ({
  event_type: "m_auth_login_fail",
  source: "zuplo",
  email,
  error_code: "bad_code",
  ...more,
});

describe("ingest", () => {
  test("stores one event with the time of receipt and without the address", async () => {
    const plane = createTestPlane();
    const event = login("Ada@Customer.example", {
      client_event_id: "one",
      trace_id: "trace_one",
      tenant_id: "ten_1",
      success: false,
      error_message: "code for ada@customer.example expired",
      payload: { step: "otp", password: "hunter2" },
    });
    expect(await plane.ingest(event)).toMatchObject({
      status: 202,
      body: { accepted: 1, duplicates: 0, rejected: 0, errors: [] },
    });
    const [row] = await rows("SELECT * FROM funnel_events WHERE client_event_id = 'one'");
    expect(row).toMatchObject({
      ts: new Date(NOON_MS).toISOString(),
      event_type: "m_auth_login_fail",
      trace_id: "trace_one",
      tenant_id: "ten_1",
      job_id: null,
      email_domain: "customer.example",
      success: 0,
      error_code: "bad_code",
      error_message: "code for [redacted] expired",
      source: "zuplo",
      payload_json: '{"step":"otp"}',
    });
    expect(row?.["email_fingerprint"]).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify([row, plane.lines]).toLowerCase()).not.toContain("ada@");
  });

  test("counts a client event id once, within a batch and across requests", async () => {
    const plane = createTestPlane();
    const events = [view({ client_event_id: "d1" }), view({ client_event_id: "d2" }), view({ client_event_id: "d1" })];
    expect((await plane.ingest({ events })).body).toMatchObject({ accepted: 2, duplicates: 1, rejected: 0 });
    expect((await plane.ingest({ events })).body).toMatchObject({ accepted: 0, duplicates: 3, rejected: 0 });
    expect((await plane.ingest({ events: [view(), view()] })).body).toMatchObject({ accepted: 2, duplicates: 0 });
  });

  test("stores what is valid of a batch and says where the rest is wrong", async () => {
    const plane = createTestPlane();
    const events = [
      view({ client_event_id: "ok-1" }),
      { event_type: "m_nothing", source: "admin-web" },
      { event_type: "m_otp_send", source: "admin-web" },
      view({ client_event_id: "ok-2", surprise: 1 }),
      { event_type: "m_checkout_click", source: "admin-web", trace_id: "not a trace", payload: { plan_tier: "s" } },
      "text",
    ];
    const { status, body } = await plane.ingest({ events });
    expect(status).toBe(202);
    expect(body).toMatchObject({ accepted: 1, duplicates: 0, rejected: 5 });
    expect((body["errors"] as { pointer: string }[]).map(({ pointer }) => pointer)).toEqual([
      "/events/1/event_type",
      "/events/2/email",
      "/events/3",
      "/events/4/trace_id",
      "/events/5",
    ]);
  });

  test("answers 400 when nothing is valid", async () => {
    const plane = createTestPlane();
    expect(await plane.ingest({ events: [{}] })).toMatchObject({ status: 400, body: { code: "all_events_rejected" } });
    for (const body of [{}, view({ event_type: "m_nothing" }), view({ anonymous_id: undefined }), view({ x: 1 })]) {
      expect(await plane.ingest(body)).toMatchObject({ status: 400, body: { code: "validation_failed" } });
    }
    const tooMany = { events: Array.from({ length: 101 }, () => view()) };
    for (const body of [{ events: [] }, { events: view() }, { events: [view()], more: 1 }, tooMany]) {
      expect(await plane.ingest(body)).toMatchObject({ status: 400, body: { code: "validation_failed" } });
    }
  });

  test("drops a trace id that is none and lets a single event inherit the request's", async () => {
    const plane = createTestPlane();
    const headers = { "x-trace-id": "trace_inherited" };
    await plane.ingest(view({ client_event_id: "t1", trace_id: "<script>" }), { headers });
    await plane.ingest({ events: [view({ client_event_id: "t2" })] }, { headers });
    const found = await rows(
      "SELECT client_event_id, trace_id FROM funnel_events WHERE client_event_id IN ('t1', 't2')",
    );
    expect(found).toEqual([
      { client_event_id: "t1", trace_id: "trace_inherited" },
      { client_event_id: "t2", trace_id: null },
    ]);
  });
});

describe("who may ingest", () => {
  const sign = async (text: string, { key = "funnel-key", atMs = NOON_MS } = {}) => {
    const timestamp = String(Math.floor(atMs / 1_000));
    return {
      "x-funnel-timestamp": timestamp,
      "x-funnel-signature": await hmacSha256Hex(key, `${timestamp}.${text}`),
    };
  };
  const text = JSON.stringify(view());
  const send = (headers: Record<string, string>, body = text) =>
    createTestPlane().send("POST", INGEST, { text: body, headers });

  test("a signature over time and body is as good as the secret", async () => {
    expect(await send(await sign(text))).toMatchObject({ status: 202 });
    expect(await send(await sign(text, { atMs: NOON_MS - 299_000 }))).toMatchObject({ status: 202 });
    expect(await send(await sign(text, { atMs: NOON_MS + 299_000 }))).toMatchObject({ status: 202 });
  });

  test("a signature of another body, key or time is refused", async () => {
    const { "x-funnel-signature": signature } = await sign(text);
    const forged = [
      await sign(`${text} `),
      await sign(text, { key: "other" }),
      await sign(text, { atMs: NOON_MS - 301_000 }),
      await sign(text, { atMs: NOON_MS + 301_000 }),
      { "x-funnel-signature": signature },
      { "x-funnel-signature": signature, "x-funnel-timestamp": String(NOON_MS / 1_000 + 1) },
      { "x-funnel-signature": signature.toUpperCase(), "x-funnel-timestamp": String(NOON_MS / 1_000) },
      { ...(await sign(text)), authorization: "Bearer wrong" },
    ];
    for (const headers of forged) expect(await send(headers)).toMatchObject({ status: 401 });
  });

  test("while a secret is rotated, both are taken, as bearer and as key", async () => {
    const overrides = { FUNNEL_SECRET: "new-key", FUNNEL_SECRET_PREVIOUS: "funnel-key" };
    const plane = createTestPlane();
    expect(await plane.ingest(view(), { overrides })).toMatchObject({ status: 202 });
    expect(await plane.ingest(view(), { overrides, token: "new-key" })).toMatchObject({ status: 202 });
    expect(await plane.send("POST", INGEST, { text, headers: await sign(text), overrides })).toMatchObject({
      status: 202,
    });
  });

  test("nobody may while no secret is configured", async () => {
    for (const FUNNEL_SECRET of ["", " "]) {
      const answer = await createTestPlane().ingest(view(), { overrides: { FUNNEL_SECRET }, token: "undefined" });
      expect(answer).toMatchObject({ status: 503, body: { code: "not_configured" } });
    }
  });
});

describe("GET /internal/funnel-events", () => {
  const read = async (query: string, init = {}) => {
    const { status, body } = await createTestPlane().read(`/internal/funnel-events?${query}`, init);
    expect(status, JSON.stringify(body)).toBe(200);
    return body as { events: Record<string, unknown>[]; next_cursor: string | null };
  };
  const idsOf = ({ events }: { events: Record<string, unknown>[] }) => events.map((event) => event["client_event_id"]);

  test("shows events newest first, page by page, each once, under one filter", async () => {
    const plane = createTestPlane();
    plane.clock.nowMs = Date.parse("2026-03-01T10:00:00Z");
    await plane.ingest({ events: ["p1", "p2", "p3"].map((id) => view({ client_event_id: id })) });
    plane.clock.nowMs += 60_000;
    await plane.ingest(login("eve@page.example", { client_event_id: "p4" }));
    const period = "from=2026-03-01&to=2026-03-02";
    const first = await read(`${period}&limit=2`);
    const second = await read(`${period}&limit=2&cursor=${first.next_cursor}`);
    expect([idsOf(first), idsOf(second), second.next_cursor]).toEqual([["p4", "p3"], ["p2", "p1"], null]);
    expect(idsOf(await read(`${period}&type=m_page_view`))).toEqual(["p3", "p2", "p1"]);
    expect(idsOf(await read("from=2026-03-01T10:00:30Z&to=2026-03-01T10:01:00.001Z"))).toEqual(["p4"]);
    const foreign = await plane.read(`/internal/funnel-events?${period}&type=m_otp_send&cursor=${first.next_cursor}`);
    expect(foreign).toMatchObject({ status: 400 });
  });

  test("finds an address by its fingerprint, however it is typed, also under a secret that is being rotated out", async () => {
    const plane = createTestPlane();
    await plane.ingest(login("bob@find.example", { client_event_id: "f1" }));
    await plane.ingest(login("bobby@find.example", { client_event_id: "f2" }));
    const found = await read("q_email=%20BOB@find.example");
    expect(idsOf(found)).toEqual(["f1"]);
    expect(found.events[0]).toMatchObject({ success: null, email_domain: "find.example", payload: null });
    expect(JSON.stringify(found)).not.toContain("bob@");
    const overrides = { FUNNEL_SECRET: "new-key", FUNNEL_SECRET_PREVIOUS: "funnel-key" };
    expect(idsOf(await read("q_email=bob@find.example", { overrides }))).toEqual(["f1"]);
  });

  test("shows the whole path of a trace id", async () => {
    await createTestPlane().ingest(view({ client_event_id: "tr1", trace_id: "trace_path" }));
    expect(idsOf(await read("trace_id=trace_path"))).toEqual(["tr1"]);
    expect(idsOf(await read("trace_id=trace_unknown"))).toEqual([]);
  });

  test.each(["limit=0", "limit=501", "from=yesterday", "to=2026-02-30", "type=m_x", "trace_id=x", "q_email=x", "x=1"])(
    "answers 400 to %s",
    async (query) => {
      expect(await createTestPlane().read(`/internal/funnel-events?${query}`)).toMatchObject({ status: 400 });
    },
  );
});

describe("GET /internal/funnel-events/summary", () => {
  const plane = createTestPlane();
  const read = async (query: string) => {
    const { status, body } = await plane.read(`/internal/funnel-events/summary?${query}`);
    expect(status, JSON.stringify(body)).toBe(200);
    return body as unknown as Summary;
  };

  interface Day {
    day: string;
    from: string;
    to: string;
    complete: boolean;
    counts: Record<string, number>;
  }
  interface Summary {
    tz: string;
    bucket: string;
    kpis: Record<string, unknown>;
    rates: Record<string, unknown>;
    errors: unknown[];
    current: { from: string; to: string; complete: boolean; days: Day[] };
    previous: { from: string; to: string; days: Day[] };
  }

  const seed = (ts: string, eventType: string, columns: { success?: number; code?: string; session?: string } = {}) =>
    bindings.DB.prepare(
      "INSERT INTO funnel_events (ts, event_type, success, error_code, source, payload_json) VALUES (?, ?, ?, ?, 'cp', ?)",
    ).bind(
      ts,
      eventType,
      columns.success ?? null,
      columns.code ?? null,
      columns.session === undefined ? null : JSON.stringify({ session_id: columns.session }),
    );

  test("counts each step, with the rates' numerators and denominators and the period before beside them", async () => {
    const days = (day: string) => [
      seed(`${day}T00:00:00.000Z`, "m_page_view", { session: "s1" }),
      seed(`${day}T01:00:00.000Z`, "m_page_view", { session: "s1" }),
      seed(`${day}T23:59:59.999Z`, "m_page_view", { session: "s2" }),
    ];
    await bindings.DB.batch([
      ...days("2026-05-03"),
      ...days("2026-05-04"),
      ...Array.from({ length: 3 }, () => seed("2026-05-04T10:00:00.000Z", "m_auth_login_start")),
      seed("2026-05-04T10:00:01.000Z", "m_auth_login_success"),
      seed("2026-05-04T10:00:01.000Z", "m_auth_login_fail", { code: "bad_code" }),
      seed("2026-05-04T10:00:02.000Z", "m_auth_login_fail", { code: "bad_code" }),
      seed("2026-05-02T10:00:02.000Z", "m_auth_login_fail", { code: "bad_code" }),
      seed("2026-05-03T10:00:00.000Z", "m_otp_send"),
      seed("2026-05-03T10:00:00.000Z", "m_otp_send"),
      seed("2026-05-03T10:00:01.000Z", "m_otp_send_result", { success: 1 }),
      seed("2026-05-03T10:00:01.000Z", "m_otp_send_result", { success: 0, code: "mailbox_full" }),
      seed("2026-05-03T11:00:00.000Z", "m_checkout_session_created"),
      seed("2026-05-03T12:00:00.000Z", "m_stripe_webhook_checkout_complete", { success: 1 }),
      seed("2026-05-02T11:00:00.000Z", "m_checkout_session_created"),
      seed("2026-05-05T00:00:00.000Z", "m_checkout_session_created"),
    ]);
    const summary = await read("from=2026-05-03&to=2026-05-05");
    expect(summary).toMatchObject({ tz: "UTC", bucket: "day" });
    expect(summary.kpis).toMatchObject({
      sessions: { current: 2, previous: 0 },
      login_attempts: { current: 3, previous: 0 },
      login_successes: { current: 1, previous: 0 },
      login_failures: { current: 2, previous: 1 },
      otp_sent: { current: 2, previous: 0 },
      otp_failed: { current: 1, previous: 0 },
      checkout_started: { current: 1, previous: 1 },
      checkout_completed: { current: 1, previous: 0 },
      provision_failed: { current: 0, previous: 0 },
    });
    expect(summary.rates).toMatchObject({
      login_success: { current: { numerator: 1, denominator: 3, per_mille: 333 } },
      otp_failure: { current: { numerator: 1, denominator: 2, per_mille: 500 } },
      checkout_completion: {
        current: { numerator: 1, denominator: 1, per_mille: 1_000 },
        previous: { numerator: 0, denominator: 1, per_mille: 0 },
      },
      provision_failure: { current: { numerator: 0, denominator: 0, per_mille: null } },
    });
    expect(summary.errors).toEqual([
      { event_type: "m_auth_login_fail", error_code: "bad_code", current: 2, previous: 1 },
      { event_type: "m_otp_send_result", error_code: "mailbox_full", current: 1, previous: 0 },
    ]);
    const figures = summary.current.days.map(({ day, complete, counts }) => ({
      day,
      complete,
      sessions: counts["sessions"],
      otp: counts["otp_sent"],
    }));
    expect(figures).toEqual([
      { day: "2026-05-03", complete: true, sessions: 2, otp: 2 },
      { day: "2026-05-04", complete: true, sessions: 2, otp: 0 },
    ]);
    expect(summary.previous.days.map(({ day }) => day)).toEqual(["2026-05-01", "2026-05-02"]);
  });

  test("cuts days where the zone's people do, also those of 25 and 23 hours", async () => {
    await bindings.DB.batch([
      seed("2026-10-24T21:59:59.999Z", "m_otp_send"),
      seed("2026-10-24T22:00:00.000Z", "m_otp_send"),
      seed("2026-10-25T22:59:59.999Z", "m_otp_send"),
      seed("2026-10-25T23:00:00.000Z", "m_otp_send"),
    ]);
    const { current } = await read("from=2026-10-24&to=2026-10-27&tz=Europe/Berlin");
    expect(current.days.map(({ day, from, to, counts }) => [day, from, to, counts["otp_sent"]])).toEqual([
      ["2026-10-24", "2026-10-23T22:00:00.000Z", "2026-10-24T22:00:00.000Z", 1],
      ["2026-10-25", "2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z", 2],
      ["2026-10-26", "2026-10-25T23:00:00.000Z", "2026-10-26T23:00:00.000Z", 1],
    ]);
    const spring = await read("from=2026-03-29&to=2026-03-30&tz=Europe/Berlin");
    expect(spring.current.days).toMatchObject([{ from: "2026-03-28T23:00:00.000Z", to: "2026-03-29T22:00:00.000Z" }]);
  });

  test("shows the last thirty days by default, with today not complete", async () => {
    const { current, previous } = await read("");
    expect(current.days).toHaveLength(30);
    expect(previous.days).toHaveLength(30);
    expect(current.days.at(-1)).toMatchObject({ day: "2026-11-21", complete: false });
    expect(current.days.at(-2)).toMatchObject({ day: "2026-11-20", complete: true });
    expect(current.complete).toBe(false);
  });

  test("takes its zone from the configuration when the caller names none", async () => {
    const overrides = { REPORTING_TIME_ZONE: "Asia/Seoul" };
    const { body } = await plane.read("/internal/funnel-events/summary?from=2026-11-01&to=2026-11-02", { overrides });
    expect(body).toMatchObject({ tz: "Asia/Seoul", current: { from: "2026-10-31T15:00:00.000Z" } });
  });

  test.each([
    "from=yesterday",
    "from=2026-02-30",
    "from=2026-11-02&to=2026-11-02",
    "from=2026-11-02&to=2026-11-01",
    "from=2026-01-01&to=2026-11-01",
    "tz=Mars/Olympus",
    "tz=",
    "from=1999-12-31",
    "to=9999-12-31T23:59:59Z",
    "unknown=1",
  ])("answers 400 to %s", async (query) => {
    expect(await plane.read(`/internal/funnel-events/summary?${query}`)).toMatchObject({ status: 400 });
  });
});
