import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { createWorker } from "./app.ts";
import type { Env } from "./env.ts";
import { createTestRuntime, query, snapshot, withSecrets } from "./purge-test-kit.ts";
import { NOW_MS, seedData, seedTenant } from "./seed-test-kit.ts";
import { startPurgeJob } from "./start.ts";

const KEY = { authorization: "Bearer operator-key" };
const secrets = (changes: Partial<Env> = {}): Env => withSecrets({ INTERNAL_API_KEY: "operator-key", ...changes });

async function request(path: string, init: RequestInit = {}, env = secrets()): Promise<Response> {
  const context = createExecutionContext();
  const runtime = createTestRuntime();
  const response = await createWorker(runtime).fetch(new Request(`https://purge.test${path}`, init), env, context);
  await waitOnExecutionContext(context);
  return response;
}

const post = (path: string, headers: Record<string, string> = KEY, env = secrets()): Promise<Response> =>
  request(path, { method: "POST", headers }, env);

describe("POST /purge", () => {
  test("runs now, answers the report, and leaves an audit row of who started it", async () => {
    await seedTenant("by_hand");
    const response = await post("/purge");
    expect(response.status).toBe(200);
    const body = await response.json<{ run_id: string; report: Record<string, unknown> }>();
    expect(body).toMatchObject({
      run_id: expect.stringMatching(/^run_/),
      report: { started: 1, completed: 1, failed: 0 },
    });
    expect(JSON.stringify(body)).not.toContain("by_hand");
    const actors = await query<{ actor: string; action: string }>("SELECT actor, action FROM audit_logs ORDER BY seq");
    expect(actors.map((row) => row.action)).toEqual(["job.triggered", "purge.started", "purge.completed"]);
    for (const { actor } of actors) expect(actor).toMatch(/^operator:[0-9a-f]{8}$/);
  });

  test("as a dry run prints the plan and changes nothing", async () => {
    await seedTenant("planned");
    await seedData("planned");
    const before = await snapshot("planned");
    const runs = await query("SELECT run_id FROM job_runs");
    const response = await post("/purge?dry_run=1");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      run_id: null,
      report: { dry_run: true, plans: [{ tenant_id: "planned", stores: { r2_usage: 3 } }] },
    });
    expect(await snapshot("planned")).toBe(before);
    expect(await query("SELECT run_id FROM job_runs")).toEqual(runs);
    await query("UPDATE tenants_master SET status = 'Active' WHERE tenant_id = 'planned' RETURNING tenant_id");
  });

  test("answers 409 with the run that holds the lease", async () => {
    await query(
      "UPDATE job_leases SET holder = 'run_other', expires_at = ? WHERE job = 'purge-job' RETURNING job",
      new Date(NOW_MS + 60_000).toISOString(),
    );
    const response = await post("/purge");
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: "job_running", run_id: "run_other" });
    await query("UPDATE job_leases SET expires_at = '2026-01-01T00:00:00.000Z' RETURNING job");
  });

  test.each([
    ["401 without credentials", 401, {}, {}],
    ["401 with a wrong key", 401, { authorization: "Bearer wrong" }, {}],
    ["503 without an operator key configured", 503, KEY, { INTERNAL_API_KEY: "" }],
    ["503 without a purge key", 503, KEY, { PURGE_KEY: "  " }],
  ])("answers %s, dry or not", async (_title, status, headers, changes) => {
    const before = await query("SELECT count(*) AS n FROM job_runs");
    for (const path of ["/purge", "/purge?dry_run=1"]) {
      expect((await post(path, headers, secrets(changes))).status).toBe(status);
    }
    expect(await query("SELECT count(*) AS n FROM job_runs")).toEqual(before);
  });

  test.each(["/purge?dry_run=yes", "/purge?dry_run=", "/purge?tenant_id=t1", "/purge?dry_run=1&force=1"])(
    "refuses %s and purges nothing",
    async (path) => {
      expect((await post(path)).status).toBe(400);
    },
  );
});

test("the cron's run without a purge key is recorded as failed and touches no tenant", async () => {
  await seedTenant("keyless");
  const before = await snapshot("keyless");
  const runtime = createTestRuntime();
  await startPurgeJob(secrets({ PURGE_KEY: "" }), runtime, {
    trigger: "cron",
    dueAtMs: NOW_MS,
    actor: "cron:purge-job",
  });
  expect(await query("SELECT status, report_json FROM job_runs WHERE trigger = 'cron'")).toMatchObject([
    { status: "failed", report_json: expect.stringContaining("PURGE_KEY") },
  ]);
  expect(await snapshot("keyless")).toBe(before);
});

test("GET /health names what is missing, without values", async () => {
  const missing = secrets({ PURGE_KEY: "", STRIPE_SECRET_KEY: " " });
  const response = await request("/health", {}, missing);
  expect(await response.json()).toMatchObject({ status: "degraded", missing: ["PURGE_KEY", "STRIPE_SECRET_KEY"] });
  expect(await (await request("/health")).json()).toMatchObject({ status: "ok", missing: [] });
});

test("the OpenAPI document describes the trigger", async () => {
  const document = await (await request("/openapi.json")).json<{ openapi: string; paths: Record<string, object> }>();
  expect(document.openapi).toBe("3.1.0");
  expect(document.paths["/purge"]).toMatchObject({ post: { security: [{ bearer: [] }] } });
});
