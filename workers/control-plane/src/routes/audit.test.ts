import { beforeAll, describe, expect, it } from "vitest";
import { ControlPlane } from "../control-plane-test-kit.ts";
import { auditStatements, traceStatements } from "../store/change-set.ts";
import { commit } from "@prego/core/store";

interface AuditPage {
  audit_logs: { seq: number; action: string; tenant_id: string | null; detail: unknown }[];
  next_cursor: string | null;
}

interface TracePage {
  trace_id: string;
  events: { id: string; ts: string; event_type: string; payload: unknown }[];
  next_cursor: string | null;
}

const plane = new ControlPlane();

beforeAll(async () => {
  for (let index = 0; index < 25; index += 1) {
    plane.nowMs += 1_000;
    const tenantId = index % 5 === 0 ? "t-five" : "t-other";
    const audit = { actor: "test", action: `a.${index}`, target: `x/${index}`, tenantId, detail: { index } };
    const trace = { eventType: `step.${index}`, traceId: "trace_long", payload: { index } };
    await commit(plane.deps.db, [
      ...(await auditStatements(plane.deps, [audit], plane.nowMs)),
      ...traceStatements(plane.deps, [trace], plane.nowMs - (plane.nowMs % 3_000)),
    ]);
  }
});

describe("GET /audit", () => {
  it("shows the newest first, with its detail", async () => {
    const { status, body } = await plane.get<AuditPage>("/audit?limit=2");
    expect(status).toBe(200);
    expect(body.audit_logs).toMatchObject([
      { action: "a.24", tenant_id: "t-other", detail: { index: 24 } },
      { action: "a.23", tenant_id: "t-other", detail: { index: 23 } },
    ]);
  });

  it("walks through all rows once, whatever the page", async () => {
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const { body }: { body: AuditPage } = await plane.get<AuditPage>(`/audit?limit=7${query}`);
      seen.push(...body.audit_logs.map(({ action }) => action));
      cursor = body.next_cursor;
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => `a.${24 - index}`));
  });

  it("narrows to a tenant and to a time, given in any zone", async () => {
    const tenant = await plane.get<AuditPage>("/audit?tenant_id=t-five");
    expect(tenant.body.audit_logs.map(({ action }) => action)).toEqual(["a.20", "a.15", "a.10", "a.5", "a.0"]);
    const since = await plane.get<AuditPage>(`/audit?since=${encodeURIComponent("2026-11-21T10:16:56.123+08:00")}`);
    expect(since.body.audit_logs.map(({ action }) => action)).toEqual(["a.24", "a.23", "a.22"]);
    expect(since.body.next_cursor).toBeNull();
  });

  it("refuses a cursor of another filter, of another list, and one that was made up", async () => {
    const { body } = await plane.get<AuditPage>("/audit?limit=1&tenant_id=t-five");
    const trace = await plane.get<TracePage>("/trace/trace_long?limit=1");
    for (const path of [
      `/audit?cursor=${String(body.next_cursor)}`,
      `/audit?tenant_id=t-other&cursor=${String(body.next_cursor)}`,
      `/audit?cursor=${String(trace.body.next_cursor)}`,
      "/audit?cursor=MTA",
    ]) {
      expect(await plane.get(path)).toMatchObject({ status: 400, body: { code: "validation_failed" } });
    }
  });

  it("shows a row without its detail once a purge has removed it", async () => {
    await plane.rows("DELETE FROM audit_details WHERE tenant_id = 't-five'");
    const { body } = await plane.get<AuditPage>("/audit?tenant_id=t-five&limit=1");
    expect(body.audit_logs).toMatchObject([{ action: "a.20", detail: null }]);
  });

  it.each([
    "limit=0",
    "limit=501",
    "limit=ten",
    "limit=-1",
    "since=yesterday",
    "since=2026-11-21",
    "tenant_id=../x",
    "other=1",
  ])("refuses %s", async (query) => {
    expect((await plane.get(`/audit?${query}`)).status).toBe(400);
  });

  it("is for operators", async () => {
    expect((await plane.get("/audit", "wrong")).status).toBe(401);
    expect((await new ControlPlane({ INTERNAL_API_KEY: "" }).get("/audit")).status).toBe(503);
  });
});

describe("GET /trace/:trace_id", () => {
  it("shows a journey oldest first, page by page, with ties in a second", async () => {
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const { body }: { body: TracePage } = await plane.get<TracePage>(`/trace/trace_long?limit=4${query}`);
      seen.push(...body.events.map(({ ts, id }) => `${ts} ${id}`));
      cursor = body.next_cursor;
    }
    expect(seen).toHaveLength(25);
    expect(new Set(seen).size).toBe(25);
    expect(seen).toEqual(seen.toSorted());
  });

  it("answers with an empty list for an id nothing was recorded for", async () => {
    expect(await plane.get("/trace/trace_nothing")).toEqual({
      status: 200,
      body: { trace_id: "trace_nothing", events: [], next_cursor: null },
    });
  });

  it.each(["trace_", "nothing", "trace_a%20b", "trace_%C3%A4", `trace_${"x".repeat(123)}`])(
    "refuses the malformed id %s",
    async (id) => {
      expect((await plane.get(`/trace/${id}`)).status).toBe(400);
    },
  );

  it("is for operators", async () => {
    expect((await plane.get("/trace/trace_long", "wrong")).status).toBe(401);
  });
});
