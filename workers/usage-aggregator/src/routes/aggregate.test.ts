import { createScheduledController } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import {
  aggregate,
  boundCycle,
  env,
  line,
  NOW_MS,
  objectsOf,
  OPERATOR_KEY,
  post,
  rollupsOf,
  rows,
  seedObject,
  seedTenant,
} from "../aggregator-test-kit.ts";
import { seedUniqueMeter } from "../distinct-test-kit.ts";
import worker from "../index.ts";

describe("POST /aggregate", () => {
  it("rolls up, answers with the report and leaves an audit row of the operator", async () => {
    await seedTenant("t_manual");
    await seedObject("t_manual", [line({ tenantId: "t_manual" })]);
    const response = await post("/aggregate");
    expect(response.status).toBe(200);
    const { run_id: runId, report } = await response.json<{ run_id: string; report: Record<string, unknown> }>();
    expect(report).toMatchObject({ done: 1, failed: 0 });
    expect(await rollupsOf("t_manual")).toHaveLength(1);
    expect(await rows("SELECT status, trigger FROM job_runs WHERE run_id = ?", runId)).toEqual([
      { status: "succeeded", trigger: "operator" },
    ]);
    const [audit] = await rows<{ actor: string }>("SELECT actor FROM audit_logs WHERE action = 'job.triggered'");
    expect(audit?.actor).toMatch(/^operator:[0-9a-f]{8}$/);
  });

  it("prints its plan on a dry run and changes nothing", async () => {
    await seedTenant("t_dry");
    await boundCycle("2026-01", 0);
    await seedObject("t_dry", [line({ tenantId: "t_dry", qty: "2.5" }), line({ tenantId: "t_dry" })]);
    await seedUniqueMeter("visitors");
    const at = "2026-01-01T00:00:00.000Z";
    const visit = line({ tenantId: "t_dry", meterKey: "visitors", value: "a", at });
    await seedObject("t_dry", [line({ tenantId: "t_dry", at }), visit, visit], { hour: "2026-01-01T00" });
    const bad = await seedObject("t_dry", ["oops"]);
    const before = await snapshot();
    const response = await post("/aggregate?dry_run=1");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      dry_run: true,
      plan: {
        pending: 3,
        objects_read: 3,
        would_finish: 2,
        would_quarantine: [{ seq: bad.seq, reason: "line 1: not JSON" }],
        rollups: [{ tenant_id: "t_dry", meter_key: "api_requests", qty: "3.5", events: 2 }],
        adjustments: [
          { tenant_id: "t_dry", corrected_cycle: "2026-01", qty: "1", events: 1 },
          { meter_key: "visitors", qty_max: "1", events: 2 },
        ],
        truncated: false,
      },
    });
    expect(await snapshot()).toEqual(before);
    expect(await aggregate()).toMatchObject({ done: 2, quarantined: 1, rollup_rows: 1, adjustment_rows: 2 });
  });

  it("answers 409 with the running job while another run holds the lease", async () => {
    await rows(
      `INSERT INTO job_leases (job, holder, fencing_token, expires_at) VALUES ('usage-aggregator', 'run_other', 9, ?1)
       ON CONFLICT (job) DO UPDATE SET holder = 'run_other', expires_at = ?1 RETURNING job`,
      new Date(NOW_MS + 60_000).toISOString(),
    );
    const response = await post("/aggregate");
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: "job_running", run_id: "run_other" });
    await rows("DELETE FROM job_leases RETURNING job");
  });

  it("refuses callers without the operator's key and answers 503 when none is set", async () => {
    const statuses = await Promise.all([
      post("/aggregate", { key: "wrong" }),
      post("/aggregate", { bindings: { INTERNAL_API_KEY: "" } }),
      post("/aggregate?dry_run=2"),
      post("/aggregate?tenant=1"),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([401, 503, 400, 400]);
  });
});

describe("GET /health", () => {
  it("counts what waits and what is quarantined, and names missing settings", async () => {
    await seedTenant("t_health");
    await seedObject("t_health", [line({ tenantId: "t_health" })]);
    const response = await post("/health", { bindings: { INTERNAL_API_KEY: "" } });
    expect(await response.json()).toEqual({
      worker: "usage-aggregator",
      status: "degraded",
      missing: ["INTERNAL_API_KEY"],
      notes: ["1 objects pending", "1 objects quarantined"],
    });
  });
});

describe("the cron", () => {
  it("rolls up what waits", async () => {
    await seedTenant("t_cron");
    await seedObject("t_cron", [line({ tenantId: "t_cron" })]);
    await worker.scheduled(createScheduledController({ scheduledTime: NOW_MS, cron: "*/15 * * * *" }), {
      ...env,
      INTERNAL_API_KEY: OPERATOR_KEY,
    });
    expect(await objectsOf("t_cron")).toMatchObject([{ status: "done" }]);
  });
});

async function snapshot(): Promise<unknown[]> {
  const tables = [
    "usage_objects",
    "usage_rollups",
    "usage_adjustments",
    "audit_logs",
    "trace_events",
    "job_runs",
    "job_leases",
  ];
  return Promise.all(tables.map((table) => rows(`SELECT * FROM ${table}`)));
}
