import { describe, expect, test } from "vitest";
import { addTenant, createTestPlane, rows } from "../onboarding-test-kit.ts";

const plane = createTestPlane();

const hold = (tenantId: string, body: unknown, init: Parameters<typeof plane.post>[2] = {}) =>
  plane.post(`/internal/tenants/${tenantId}/legal-hold`, body, { token: "operator-key", ...init });

const holdOf = async (tenantId: string): Promise<unknown> =>
  (await rows("SELECT legal_hold FROM tenants_master WHERE tenant_id = ?", tenantId))[0]?.["legal_hold"];

const auditsOf = (tenantId: string) =>
  rows(
    `SELECT a.action, a.actor, a.target, a.trace_id, d.detail_json AS detail FROM audit_logs a
     JOIN audit_details d ON d.commitment = a.detail_commitment WHERE a.tenant_id = ? ORDER BY a.seq`,
    tenantId,
  );

describe("a legal hold", () => {
  test("is set and lifted, each with its reason in the audit log and a step in the trace", async () => {
    await addTenant("held", { status: "Pending_Deletion" });
    const headers = { "x-trace-id": "trace_hold" };
    const set = await hold("held", { hold: true, reason: " case 1 " }, { headers });
    expect(set).toMatchObject({ status: 200, body: { tenant_id: "held", legal_hold: true } });
    expect(await holdOf("held")).toBe(1);
    plane.clock.nowMs += 1;
    const lifted = await hold("held", { hold: false, reason: "closed" }, { headers });
    expect(lifted).toMatchObject({ status: 200, body: { tenant_id: "held", legal_hold: false } });
    expect(await holdOf("held")).toBe(0);
    const about = { target: "tenants_master/held", trace_id: "trace_hold", actor: expect.stringMatching(/^operator:/) };
    expect(await auditsOf("held")).toEqual([
      { ...about, action: "tenant.legal_hold_set", detail: '{"reason":"case 1"}' },
      { ...about, action: "tenant.legal_hold_lifted", detail: '{"reason":"closed"}' },
    ]);
    const steps = await rows("SELECT event_type, payload_json FROM trace_events WHERE tenant_id = 'held' ORDER BY id");
    expect(steps).toEqual([
      { event_type: "tenant.legal_hold_set", payload_json: null },
      { event_type: "tenant.legal_hold_lifted", payload_json: null },
    ]);
  });

  test("set again, or by many at once, is 200 and audited once", async () => {
    await addTenant("twice", { status: "Active" });
    const answers = await Promise.all(["a", "b", "c", "d"].map((reason) => hold("twice", { hold: true, reason })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await hold("twice", { hold: true, reason: "again" })).toMatchObject({ status: 200 });
    expect(await auditsOf("twice")).toHaveLength(1);
    expect(await holdOf("twice")).toBe(1);
  });

  test("that nobody set is lifted without an audit row", async () => {
    await addTenant("free", { status: "Active" });
    expect(await hold("free", { hold: false, reason: "x" })).toMatchObject({ status: 200 });
    expect(await auditsOf("free")).toEqual([]);
  });

  test("stops a purge under way, and comes too late for a purged tenant", async () => {
    await addTenant("under-purge", { status: "Purging" });
    await addTenant("purged", { status: "Purged" });
    expect(await hold("under-purge", { hold: true, reason: "x" })).toMatchObject({ status: 200 });
    expect(await holdOf("under-purge")).toBe(1);
    for (const wish of [true, false]) {
      const answer = await hold("purged", { hold: wish, reason: "x" });
      expect(answer).toMatchObject({ status: 409, body: { code: "conflict" } });
    }
    expect(await holdOf("purged")).toBe(0);
  });

  test("is 404 alike for a tenant that does not exist and for what is no id", async () => {
    for (const id of ["t-none", "-x", "a".repeat(65)]) {
      expect(await hold(id, { hold: true, reason: "x" })).toMatchObject({ status: 404, body: { code: "not_found" } });
    }
  });

  test.each([
    ["without members", {}],
    ["without a reason", { hold: true }],
    ["with an empty reason", { hold: true, reason: "" }],
    ["with a blank reason", { hold: true, reason: "  " }],
    ["with a reason of 501 characters", { hold: true, reason: "x".repeat(501) }],
    ["with a number for the hold", { hold: 1, reason: "x" }],
    ["with a text for the hold", { hold: "true", reason: "x" }],
    ["with an unknown member", { hold: true, reason: "x", until: "2027" }],
  ])("is refused with 400 %s, and the tenant stays as it was", async (_title, body) => {
    await rows("UPDATE tenants_master SET legal_hold = 0 WHERE tenant_id = 'free' RETURNING tenant_id");
    expect(await hold("free", body)).toMatchObject({ status: 400, body: { code: "validation_failed" } });
    expect(await holdOf("free")).toBe(0);
  });

  test("is for operators only", async () => {
    expect(await hold("free", { hold: true, reason: "x" }, { token: "funnel-key" })).toMatchObject({ status: 401 });
    expect(await holdOf("free")).toBe(0);
  });
});
