import { beforeAll, describe, expect, test } from "vitest";
import { addTenant, createTestPlane, rows, seedOffer } from "../onboarding-test-kit.ts";

beforeAll(() => seedOffer());

const wish = (slug: string, more: object = {}) => ({ slug, plan: "free", region: "eu", ...more });
const traced = (traceId: string) => ({ headers: { "x-trace-id": traceId } });
const keyed = (key: string) => ({ headers: { "idempotency-key": key } });

describe("POST /v1/tenants", () => {
  test("makes a tenant in Provisioning with its slot, job, dispatch, trace, audit and funnel, all at once", async () => {
    const plane = createTestPlane();
    const body = wish("first-one", { name: "First One", email: "Ada@Customer.example" });
    const answer = await plane.post("/v1/tenants", body, traced("trace_signup"));
    expect(answer.status, answer.text).toBe(201);
    const { tenant_id: tenantId, job_id: jobId } = answer.body;
    const [tenant] = await rows("SELECT * FROM tenants_master WHERE tenant_id = ?", tenantId);
    expect(tenant).toMatchObject({ status: "Provisioning", node_id: "node-1", name: "First One", plan_id: "free" });
    expect(answer.body).toEqual({
      tenant_id: tenantId,
      slug: "first-one",
      host: `tenant-${String(tenant?.["short_id"])}.prego.example`,
      status: "Provisioning",
      trace_id: "trace_signup",
      job_id: jobId,
    });
    expect(await rows("SELECT * FROM provision_jobs WHERE tenant_id = ?", tenantId)).toMatchObject([
      { job_id: jobId, kind: "provision", status: "queued", node_id: "node-1", trace_id: "trace_signup" },
    ]);
    expect(await rows("SELECT * FROM tenant_plans WHERE tenant_id = ?", tenantId)).toMatchObject([
      { plan_id: "free", effective_from: tenant?.["created_at"], source: "signup" },
    ]);
    expect(await rows("SELECT * FROM dispatches WHERE tenant_id = ?", tenantId)).toMatchObject([
      { purpose: "provision", subject_id: jobId },
    ]);
    expect(await rows("SELECT event_type FROM trace_events WHERE trace_id = 'trace_signup' ORDER BY id")).toEqual([
      { event_type: "tenant.created" },
      { event_type: "provision.queued" },
    ]);
    expect(await rows("SELECT actor, action FROM audit_logs WHERE tenant_id = ? ORDER BY seq", tenantId)).toEqual([
      { actor: "public", action: "tenant.created" },
      { actor: "public", action: "provision.queued" },
    ]);
    expect(await rows("SELECT * FROM funnel_events WHERE trace_id = 'trace_signup'")).toMatchObject([
      { event_type: "m_provision_job_created", job_id: jobId, tenant_id: tenantId, email_domain: "customer.example" },
    ]);
  });

  test("leaves no trace of the address: not in logs, trace, audit or funnel", async () => {
    const plane = createTestPlane();
    const body = wish("secretive", { email: "grace@private.example" });
    const { tenant_id: tenantId } = (await plane.post("/v1/tenants", body, traced("trace_secretive"))).body;
    const stored = await Promise.all([
      rows("SELECT * FROM trace_events WHERE tenant_id = ?", tenantId),
      rows("SELECT * FROM audit_details WHERE tenant_id = ?", tenantId),
      rows("SELECT * FROM funnel_events WHERE tenant_id = ?", tenantId),
      rows("SELECT * FROM dispatches WHERE tenant_id = ?", tenantId),
    ]);
    expect(stored.map((list) => list.length)).toEqual([2, 2, 1, 1]);
    expect(JSON.stringify([stored, plane.lines])).not.toContain("grace");
  });

  test("keeps only the domain of an address while no key for hashes is configured", async () => {
    for (const [slug, FUNNEL_SECRET] of [["keyless-1", ""] as const, ["keyless-2", " "] as const]) {
      const body = wish(slug, { email: "grace@private.example" });
      const { status, body: created } = await createTestPlane().post("/v1/tenants", body, {
        overrides: { FUNNEL_SECRET },
      });
      expect(status).toBe(201);
      const events = await rows("SELECT * FROM funnel_events WHERE tenant_id = ?", created["tenant_id"]);
      expect(events).toMatchObject([{ email_fingerprint: null, email_domain: "private.example" }]);
    }
  });

  test("gives a journey without a trace id one of its own", async () => {
    const { body } = await createTestPlane().post("/v1/tenants", wish("untraced"));
    expect(body["trace_id"]).toMatch(/^trace_[0-9A-Z]{26}$/);
    expect(await rows("SELECT trace_id FROM tenants_master WHERE tenant_id = ?", body["tenant_id"])).toEqual([
      { trace_id: body["trace_id"] },
    ]);
  });

  test("waits for capacity where a region has no room, and dispatches nothing", async () => {
    const { status, body } = await createTestPlane().post("/v1/tenants", wish("patient", { region: "us" }));
    expect(status).toBe(201);
    expect(await rows("SELECT status, node_id FROM provision_jobs WHERE job_id = ?", body["job_id"])).toEqual([
      { status: "queued_capacity", node_id: null },
    ]);
    expect(await rows("SELECT * FROM dispatches WHERE subject_id = ?", body["job_id"])).toEqual([]);
  });

  test("refuses a taken and a reserved name with 409, and one name goes to one of two", async () => {
    await addTenant("t-taken", { slug: "taken" });
    for (const slug of ["taken", "admin"]) {
      const answer = await createTestPlane().post("/v1/tenants", wish(slug));
      expect(answer).toMatchObject({ status: 409, body: { code: "slug_taken" } });
    }
    const plane = createTestPlane();
    const answers = await Promise.all(Array.from({ length: 4 }, () => plane.post("/v1/tenants", wish("contested"))));
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(["201", "409", "409", "409"]);
  });

  test("sends paid plans to the checkout", async () => {
    const answer = await createTestPlane().post("/v1/tenants", wish("payer", { plan: "paid" }));
    expect(answer).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect(await rows("SELECT * FROM tenants_master WHERE slug = 'payer'")).toEqual([]);
  });

  test.each([
    [{ plan: "none" }, "/plan"],
    [{ region: "mars" }, "/region"],
    [{ slug: "Not A Slug" }, "/slug"],
    [{ email: "nobody" }, "/email"],
    [{ name: " " }, "/name"],
    [{ surprise: 1 }, ""],
  ])("answers 400 to %j and points at it", async (change, pointer) => {
    const answer = await createTestPlane().post("/v1/tenants", wish("fine-name", change));
    expect(answer).toMatchObject({ status: 400, body: { code: "validation_failed" } });
    expect((answer.body["errors"] as { pointer: string }[]).map((error) => error.pointer)).toEqual([pointer]);
  });
});

describe("Idempotency-Key", () => {
  test("gives a repeat the first answer and makes nothing more", async () => {
    const plane = createTestPlane();
    const first = await plane.post("/v1/tenants", wish("only-once"), keyed("key-1"));
    plane.clock.nowMs += 60_000;
    const { region, plan, slug } = wish("only-once");
    const second = await plane.post("/v1/tenants", { region, plan, slug }, keyed("key-1"));
    expect(second.status).toBe(201);
    expect(second.body).toEqual(first.body);
    const { tenant_id: tenantId } = first.body;
    expect(await rows("SELECT job_id FROM provision_jobs WHERE tenant_id = ?", tenantId)).toHaveLength(1);
    expect(await rows("SELECT id FROM funnel_events WHERE tenant_id = ?", tenantId)).toHaveLength(1);
  });

  test("gives the first answer also when the tenant has moved on", async () => {
    const plane = createTestPlane();
    const first = await plane.post("/v1/tenants", wish("moved-on"), keyed("key-2"));
    await rows("UPDATE tenants_master SET status = 'Active' WHERE tenant_id = ?", first.body["tenant_id"]);
    expect((await plane.post("/v1/tenants", wish("moved-on"), keyed("key-2"))).body).toEqual(first.body);
  });

  test("answers one tenant to requests that race each other", async () => {
    const plane = createTestPlane();
    const race = Array.from({ length: 4 }, () => plane.post("/v1/tenants", wish("racing"), keyed("key-3")));
    const answers = await Promise.all(race);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    const ids = answers.map(({ body }) => `${String(body["tenant_id"])} ${String(body["job_id"])}`);
    expect(new Set(ids).size).toBe(1);
  });

  test("answers 422 to the same key with another body", async () => {
    const plane = createTestPlane();
    await plane.post("/v1/tenants", wish("keyed-one"), keyed("key-4"));
    for (const body of [wish("keyed-two"), wish("keyed-one", { name: "Other" })]) {
      const answer = await plane.post("/v1/tenants", body, keyed("key-4"));
      expect(answer).toMatchObject({ status: 422, body: { code: "idempotency_key_reused" } });
    }
    expect(await rows("SELECT * FROM tenants_master WHERE slug = 'keyed-two'")).toEqual([]);
  });

  test.each([" ", "a b", "x".repeat(256)])("refuses a key that is none: case %#", async (key) => {
    const headers = new Headers(key === " " ? { "idempotency-key": "" } : { "idempotency-key": key });
    const answer = await createTestPlane().post("/v1/tenants", wish("bad-key"), {
      headers: Object.fromEntries(headers),
    });
    expect(answer).toMatchObject({ status: 400, body: { code: "validation_failed" } });
  });
});
