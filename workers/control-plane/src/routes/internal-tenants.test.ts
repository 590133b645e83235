import { beforeAll, describe, expect, test } from "vitest";
import { addTenant, bindings, createTestPlane } from "../onboarding-test-kit.ts";

const plane = createTestPlane();
const at = (day: number) => `2026-10-${String(day).padStart(2, "0")}T00:00:00.000Z`;

beforeAll(async () => {
  for (const [tenantId, day, status] of [
    ["t-b", 2, "Active"],
    ["t-a", 2, "Active"],
    ["t-c", 1, "Suspended"],
    ["t-d", 3, "Active"],
    ["t-e", 4, "Provisioning"],
  ] as const) {
    await addTenant(tenantId, { createdAt: at(day), status });
  }
  await bindings.DB.batch([
    bindings.DB.prepare(
      "UPDATE tenants_master SET stripe_subscription_id = 'sub_d', legal_hold = 1 WHERE tenant_id = 't-d'",
    ),
    ...["sub_d", "sub_old"].map((id) =>
      bindings.DB.prepare(
        "INSERT INTO stripe_subscriptions (subscription_id, customer_id, tenant_id, status, state_as_of, updated_at) VALUES (?, 'cus_d', 't-d', 'active', 1, ?)",
      ).bind(id, at(3)),
    ),
    ...Array.from({ length: 22 }, (_, index) =>
      bindings.DB.prepare(
        "INSERT INTO provision_jobs (job_id, tenant_id, kind, status, region, readiness_json, created_at, updated_at) VALUES (?, 't-d', 'provision', 'failed', 'eu', '{\"dns\":true}', ?, ?)",
      ).bind(`job-${String(index).padStart(2, "0")}`, at(index + 1), at(index + 1)),
    ),
  ]);
});

const idsOf = (body: Record<string, unknown>) =>
  (body["tenants"] as { tenant_id: string }[]).map((tenant) => tenant.tenant_id);

async function readAll(query: string): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | null = "";
  while (cursor !== null && pages.length < 10) {
    const { status, body } = await plane.read(`/internal/tenants?${query}${cursor === "" ? "" : `&cursor=${cursor}`}`);
    expect(status).toBe(200);
    pages.push(idsOf(body));
    cursor = body["next_cursor"] as string | null;
  }
  return pages;
}

describe("GET /internal/tenants", () => {
  test("lists tenants in the order of their creation, ties by id, page by page, each once", async () => {
    expect(await readAll("limit=2")).toEqual([["t-c", "t-a"], ["t-b", "t-d"], ["t-e"]]);
    expect(await readAll("limit=5")).toEqual([["t-c", "t-a", "t-b", "t-d", "t-e"]]);
    expect(await readAll("limit=2&status=Active")).toEqual([["t-a", "t-b"], ["t-d"]]);
    expect(await readAll("status=Purged")).toEqual([[]]);
  });

  test("shows every column of a tenant under its wire name", async () => {
    const { body } = await plane.read("/internal/tenants?limit=1");
    expect((body["tenants"] as unknown[])[0]).toEqual({
      tenant_id: "t-c",
      slug: "slug-t-c",
      short_id: "short-t-c",
      host: "tenant-short-t-c.prego.example",
      name: null,
      type: "standard",
      plan_id: "paid",
      status: "Suspended",
      status_changed_at: at(1),
      provisioned_at: null,
      region: "eu",
      node_id: null,
      stripe_customer_id: null,
      stripe_subscription_id: null,
      subscription_status: null,
      current_period_end: null,
      trace_id: null,
      pending_deletion_at: null,
      purge_after: null,
      legal_hold: false,
      created_at: at(1),
      updated_at: at(1),
    });
  });

  test("refuses a cursor of another filter, and one that is none", async () => {
    const { body } = await plane.read("/internal/tenants?limit=1");
    const cursor = String(body["next_cursor"]);
    for (const query of [`status=Active&cursor=${cursor}`, "cursor=abc", "cursor="]) {
      expect(await plane.read(`/internal/tenants?${query}`)).toMatchObject({ status: 400 });
    }
  });

  test.each(["limit=0", "limit=501", "limit=1000000", "limit=x", "status=active", "unknown=1"])(
    "answers 400 to %s",
    async (query) => {
      expect(await plane.read(`/internal/tenants?${query}`)).toMatchObject({ status: 400 });
    },
  );
});

describe("GET /internal/tenants/:tenant_id", () => {
  test("shows the tenant, its twenty newest jobs and the subscription in force", async () => {
    const { status, body } = await plane.read("/internal/tenants/t-d");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      tenant: { tenant_id: "t-d", legal_hold: true },
      subscription: { subscription_id: "sub_d", status: "active", state_as_of: 1 },
    });
    const jobs = body["provision_jobs"] as { job_id: string; readiness: unknown }[];
    expect(jobs).toHaveLength(20);
    expect(jobs[0]).toMatchObject({ job_id: "job-21", readiness: { dns: true } });
    expect(jobs.at(-1)?.job_id).toBe("job-02");
  });

  test("shows null for a tenant without a subscription", async () => {
    const { body } = await plane.read("/internal/tenants/t-e");
    expect(body).toMatchObject({ provision_jobs: [], subscription: null });
  });

  test("answers 404 alike to what does not exist and to what is no id", async () => {
    for (const id of ["t-none", "..%2f", "-x", "a".repeat(65)]) {
      expect(await plane.read(`/internal/tenants/${id}`)).toMatchObject({ status: 404, body: { code: "not_found" } });
    }
  });

  test("takes no parameters", async () => {
    expect(await plane.read("/internal/tenants/t-d?limit=1")).toMatchObject({ status: 400 });
  });
});

test.each(["/internal/tenants", "/internal/tenants/t-d", "/internal/usage?tenant_id=t-d", "/internal/funnel-events"])(
  "%s is for operators only",
  async (path) => {
    expect(await plane.get(path)).toMatchObject({ status: 401 });
    expect(await plane.read(path, { overrides: { INTERNAL_API_KEY: "" } })).toMatchObject({ status: 503 });
  },
);
