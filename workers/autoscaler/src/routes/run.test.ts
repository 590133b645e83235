import { describe, expect, it } from "vitest";
import {
  createTestRuntime,
  env,
  execute,
  iso,
  NOW_MS,
  OPERATOR_KEY,
  rows,
  seedNode,
  seedRegion,
  send,
} from "../autoscaler-test-kit.ts";
import { startScaling } from "../start.ts";

const headers = { authorization: `Bearer ${OPERATOR_KEY}` };
interface RunAnswer {
  run_id: string;
  report: { regions: { outcome: string; event_id: string }[] };
}

describe("POST /run", () => {
  it("answers 401 without the operator's key, 503 without configuration, 400 to another query", async () => {
    expect((await send("/run")).status).toBe(401);
    expect((await send("/run", { headers: { authorization: "Bearer nope" } })).status).toBe(401);
    expect((await send("/run", { headers, bindings: { INTERNAL_API_KEY: " " } })).status).toBe(503);
    expect((await send("/run?dry_run=yes", { headers })).status).toBe(400);
  });

  it("writes nothing in a dry run", async () => {
    await seedRegion("route");
    await seedNode("route", "route-a", { percent: 95 });
    const response = await send("/run?dry_run=1", { headers });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      dry_run: true,
      report: { regions: [{ region: "route", decision: "scale_out", effects: [{ kind: "create_node", index: 1 }] }] },
    });
    for (const table of ["scaling_events", "job_runs", "job_leases", "audit_logs", "dispatches"]) {
      expect(await rows(`SELECT * FROM ${table}`), table).toEqual([]);
    }
  });

  it("answers with the evaluation that the cron stored for the window, and leaves an audit row", async () => {
    const runtime = createTestRuntime();
    await startScaling(env, runtime, { trigger: "cron", actor: "cron:autoscaler", dueAtMs: NOW_MS });
    const [event] = await rows<{ id: string }>("SELECT id FROM scaling_events");
    runtime.clock.nowMs += 300_000;
    const response = await send("/run", { headers, runtime });
    expect(response.status).toBe(200);
    const { report } = await response.json<RunAnswer>();
    expect(report.regions).toMatchObject([{ outcome: "already_evaluated", event_id: event?.id }]);
    expect(await rows("SELECT * FROM dispatches")).toHaveLength(1);
    expect(await rows("SELECT actor FROM audit_logs WHERE action = 'job.triggered'")).toEqual([
      { actor: expect.stringMatching(/^operator:[0-9a-f]{8}$/) },
    ]);
    expect(await rows("SELECT status, trigger FROM job_runs ORDER BY started_at")).toEqual([
      { status: "succeeded", trigger: "cron" },
      { status: "succeeded", trigger: "operator" },
    ]);
  });

  it("answers 409 with the run that is under way", async () => {
    await execute(
      "UPDATE job_leases SET holder = 'run_other', expires_at = ? WHERE job = 'autoscaler'",
      iso(NOW_MS + 900_000),
    );
    const response = await send("/run", { headers });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: "job_running", run_id: "run_other" });
  });
});
