import { nodeToken } from "@prego/core/auth";
import { METRICS_BODY_BYTES_MAX } from "@prego/core/limits";
import { describe, expect, it } from "vitest";
import {
  createTestRuntime,
  execute,
  iso,
  MINUTE_MS,
  NODE_SECRET,
  NOW_MS,
  postMetrics,
  rows,
  sampleAt,
  seedNode,
  send,
} from "../autoscaler-test-kit.ts";

const report = (nodeId: string, ...samples: object[]) => ({ node_id: nodeId, samples });
const bearer = (token: string) => ({ authorization: `Bearer ${token}`, "content-type": "application/json" });
const rollupsOf = (nodeId: string) =>
  rows("SELECT * FROM node_metrics_rollups WHERE node_id = ? ORDER BY window_start", nodeId);

describe("recording", () => {
  it("rolls samples up per window and sets when the node was last seen", async () => {
    await seedNode("metrics", "rec-1", { windows: 0 });
    const response = await postMetrics(
      "rec-1",
      report(
        "rec-1",
        sampleAt(NOW_MS - 11 * MINUTE_MS, { cpu: 10 }),
        sampleAt(NOW_MS - 2 * MINUTE_MS, { cpu: 20 }),
        sampleAt(NOW_MS - MINUTE_MS, { cpu: 40, tenant_count: 5 }),
      ),
    );
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({ accepted: 3, duplicates: 0 });
    expect(await rollupsOf("rec-1")).toMatchObject([
      { window_start: iso(NOW_MS - 20 * MINUTE_MS), samples: 1, cpu_avg: 10 },
      { window_start: iso(NOW_MS - 10 * MINUTE_MS), samples: 2, cpu_avg: 30, cpu_p95: 40, tenant_count: 5 },
    ]);
    expect(await rows("SELECT last_seen_at, status FROM nodes WHERE node_id = 'rec-1'")).toEqual([
      { last_seen_at: iso(NOW_MS - MINUTE_MS), status: "active" },
    ]);
  });

  it("counts a repeated report once", async () => {
    await seedNode("metrics", "rec-2", { windows: 0 });
    const body = report("rec-2", sampleAt(NOW_MS - MINUTE_MS));
    await postMetrics("rec-2", body);
    const before = await rollupsOf("rec-2");
    const again = await postMetrics("rec-2", body, { runtime: createTestRuntime(NOW_MS + 1_000) });
    expect(await again.json()).toEqual({ accepted: 0, duplicates: 1 });
    expect(await rollupsOf("rec-2")).toEqual(before);
  });

  it("loses nothing when reports come at once", async () => {
    await seedNode("metrics", "rec-3", { windows: 0 });
    const responses = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        postMetrics("rec-3", report("rec-3", sampleAt(NOW_MS - MINUTE_MS - index * 1_000, { cpu: index * 10 }))),
      ),
    );
    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 202));
    expect(await rollupsOf("rec-3")).toMatchObject([{ samples: 8, cpu_avg: 35, cpu_p95: 70 }]);
  });

  it("never moves last seen back", async () => {
    await seedNode("metrics", "rec-4", { windows: 0 });
    await postMetrics("rec-4", report("rec-4", sampleAt(NOW_MS - MINUTE_MS)));
    await postMetrics("rec-4", report("rec-4", sampleAt(NOW_MS - 30 * MINUTE_MS)));
    expect(await rows("SELECT last_seen_at FROM nodes WHERE node_id = 'rec-4'")).toEqual([
      { last_seen_at: iso(NOW_MS - MINUTE_MS) },
    ]);
  });

  it("does not see a node in the future when its clock is ahead", async () => {
    await seedNode("metrics", "rec-5", { windows: 0 });
    await postMetrics("rec-5", report("rec-5", sampleAt(NOW_MS + 4 * MINUTE_MS)));
    expect(await rows("SELECT last_seen_at FROM nodes WHERE node_id = 'rec-5'")).toEqual([
      { last_seen_at: iso(NOW_MS) },
    ]);
  });

  it("activates an ordered node once, with audit and the trace of its order", async () => {
    await seedNode("metrics", "rec-6", { windows: 0, status: "provisioning" });
    await execute(
      "INSERT INTO dispatches (dispatch_id, purpose, subject_id, inputs_json, status, next_attempt_at, trace_id, created_at, updated_at) VALUES ('dsp_rec6', 'scale_out', 'rec-6', '{}', 'sent', ?1, 'trace_order6', ?1, ?1)",
      iso(NOW_MS),
    );
    await Promise.all(
      [1, 2, 3].map((minute) => postMetrics("rec-6", report("rec-6", sampleAt(NOW_MS - minute * MINUTE_MS)))),
    );
    expect(await rows("SELECT status FROM nodes WHERE node_id = 'rec-6'")).toEqual([{ status: "active" }]);
    expect(await rows("SELECT actor, action, trace_id FROM audit_logs WHERE target = 'nodes/rec-6'")).toEqual([
      { actor: "node:rec-6", action: "scale.node_active", trace_id: "trace_order6" },
    ]);
    expect(await rows("SELECT event_type, source FROM trace_events WHERE trace_id = 'trace_order6'")).toEqual([
      { event_type: "scale.node_active", source: "autoscaler" },
    ]);
    expect(await rollupsOf("rec-6")).toMatchObject([{ samples: 3 }]);
  });

  it("keeps a node given up as failed when it reports after all", async () => {
    await seedNode("metrics", "rec-7", { windows: 0, status: "failed" });
    expect((await postMetrics("rec-7", report("rec-7", sampleAt(NOW_MS)))).status).toBe(202);
    expect(await rows("SELECT status FROM nodes WHERE node_id = 'rec-7'")).toEqual([{ status: "failed" }]);
  });

  it("takes an OTLP export, and stores what it does not measure as unknown", async () => {
    await seedNode("metrics", "rec-8", { windows: 0 });
    const gauge = (name: string, asDouble: number, attributes: object[] = []) => ({
      name,
      gauge: { dataPoints: [{ timeUnixNano: String(BigInt(NOW_MS) * 1_000_000n), asDouble, attributes }] },
    });
    const body = {
      resourceMetrics: [
        {
          resource: { attributes: [{ key: "host.id", value: { stringValue: "rec-8" } }] },
          scopeMetrics: [
            {
              metrics: [
                gauge("system.cpu.utilization", 0.25),
                gauge("system.memory.utilization", 0.5),
                gauge("system.filesystem.utilization", 0.75),
              ],
            },
          ],
        },
      ],
    };
    const response = await postMetrics("rec-8", body);
    expect(await response.json()).toEqual({ accepted: 1, duplicates: 0 });
    expect(await rollupsOf("rec-8")).toMatchObject([
      { cpu_avg: 25, memory_avg: 50, disk_avg: 75, load_avg: null, error_rate_avg: null, tenant_count: null },
    ]);
  });
});

describe("refusals", () => {
  it.each([
    ["no samples", { samples: [] }],
    ["too many samples", { samples: Array.from({ length: 101 }, (_, index) => sampleAt(NOW_MS - index)) }],
    ["an unknown member", { samples: [sampleAt(NOW_MS)], extra: 1 }],
    ["an unknown member of a sample", { samples: [sampleAt(NOW_MS, { extra: 1 })] }],
    ["a percentage above 100", { samples: [sampleAt(NOW_MS, { cpu: 100.1 })] }],
    ["a negative percentage", { samples: [sampleAt(NOW_MS, { disk: -1 })] }],
    ["a missing figure", { samples: [sampleAt(NOW_MS, { memory: undefined })] }],
    ["a time without zone", { samples: [sampleAt(NOW_MS, { ts: "2026-11-21T02:20:00" })] }],
    ["a sample older than an hour", { samples: [sampleAt(NOW_MS - 60 * MINUTE_MS - 1)] }],
    ["a sample of the future", { samples: [sampleAt(NOW_MS + 5 * MINUTE_MS + 1)] }],
  ])("answers 400 to %s and stores nothing", async (_, body) => {
    await execute(
      "INSERT OR IGNORE INTO nodes VALUES ('ref-1', 'metrics', 'local', 's', 1, 'active', NULL, ?1, ?1, NULL)",
      iso(0),
    );
    const response = await postMetrics("ref-1", { node_id: "ref-1", ...body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "validation_failed", errors: [expect.anything()] });
    expect(await rollupsOf("ref-1")).toEqual([]);
  });

  it("answers 401 without a token before it reads the body", async () => {
    const response = await send("/metrics", { headers: { "content-type": "application/json" }, body: "{" });
    expect(response.status).toBe(401);
  });

  it("answers 400 to malformed JSON, whatever the token", async () => {
    for (const body of ["{", "", "[]", "null", "12"]) {
      expect((await send("/metrics", { headers: bearer("abc"), body })).status).toBe(400);
    }
  });

  it("answers 401 to a wrong token before it validates, and to the token of another node", async () => {
    await seedNode("metrics", "ref-2", { windows: 0 });
    const token = await nodeToken(NODE_SECRET, "ref-2");
    expect((await postMetrics("ref-2", report("ref-2"), { token: "0".repeat(64) })).status).toBe(401);
    expect((await postMetrics("ref-3", report("ref-3", sampleAt(NOW_MS)), { token })).status).toBe(401);
  });

  it("takes the token of the secret that is being rotated out", async () => {
    await seedNode("metrics", "ref-4", { windows: 0 });
    const init = {
      headers: bearer(await nodeToken("old", "ref-4")),
      body: JSON.stringify(report("ref-4", sampleAt(NOW_MS))),
    };
    expect((await send("/metrics", init)).status).toBe(401);
    expect((await send("/metrics", { ...init, bindings: { NODE_TOKEN_SECRET_PREVIOUS: "old" } })).status).toBe(202);
  });

  it("answers 503 while the secret is unset or blank", async () => {
    for (const NODE_TOKEN_SECRET of ["", " "]) {
      const init = { headers: bearer(await nodeToken(" ", "n")), body: "{}", bindings: { NODE_TOKEN_SECRET } };
      expect((await send("/metrics", init)).status).toBe(503);
    }
  });

  it("answers 404 for a node that is not known or retired", async () => {
    await seedNode("metrics", "ref-5", { windows: 0, status: "retired" });
    expect((await postMetrics("ref-5", report("ref-5", sampleAt(NOW_MS)))).status).toBe(404);
    expect((await postMetrics("ref-6", report("ref-6", sampleAt(NOW_MS)))).status).toBe(404);
  });

  it("answers 415 to another type or a compressed body, 413 to one that is too large", async () => {
    const token = await nodeToken(NODE_SECRET, "ref-7");
    const send7 = (headers: object, body: string) =>
      send("/metrics", { headers: { ...bearer(token), ...headers }, body });
    expect((await send7({ "content-type": "text/plain" }, "{}")).status).toBe(415);
    expect((await send7({ "content-encoding": "gzip" }, "{}")).status).toBe(415);
    expect((await send7({}, " ".repeat(METRICS_BODY_BYTES_MAX + 1))).status).toBe(413);
  });
});

describe("the worker", () => {
  it("names what is missing and documents its routes", async () => {
    const health = await send("/health", { method: "GET", bindings: { NODE_TOKEN_SECRET: "" } });
    expect(await health.json()).toMatchObject({ status: "degraded", missing: ["NODE_TOKEN_SECRET"] });
    const document = await (await send("/openapi.json", { method: "GET" })).json<{ paths: object }>();
    expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(["/metrics", "/run"]));
  });
});
