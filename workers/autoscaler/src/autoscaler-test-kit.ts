import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env as testEnv } from "cloudflare:workers";
import { nodeToken } from "@prego/core/auth";
import type { NodeWindow } from "@prego/core/health-score";
import type { Runtime } from "@prego/core/http";
import type { JobRun } from "@prego/core/job-run";
import { createWorker } from "./app.ts";
import { createDeps, type Deps } from "./deps.ts";
import type { Env } from "./env.ts";
import type { NodeState, ScalingInputs } from "./plan/inputs.ts";

export const MINUTE_MS = 60_000;
export const NOW_MS = Date.UTC(2026, 10, 21, 2, 20);
export const NODE_SECRET = "node-secret";
export const OPERATOR_KEY = "operator-key";

export const env: Env = {
  ...(testEnv as unknown as Env),
  NODE_TOKEN_SECRET: NODE_SECRET,
  INTERNAL_API_KEY: OPERATOR_KEY,
};

/** A runtime whose clock stands still until it is moved. */
export function createTestRuntime(nowMs = NOW_MS): Runtime & { clock: { nowMs: number }; lines: string[] } {
  const clock = { nowMs };
  const lines: string[] = [];
  return {
    clock,
    lines,
    now: () => clock.nowMs,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    write: (line) => void lines.push(line),
    fetch: () => Promise.reject(new Error("no network")),
  };
}

export const createTestDeps = (nowMs = NOW_MS): Deps => createDeps(env, createTestRuntime(nowMs));

export const jobRun = (dueAtMs: number, runId = "run_test"): JobRun => ({
  runId,
  dueAtMs,
  deadlineMs: dueAtMs + 60 * MINUTE_MS,
  trigger: "cron",
  actor: "cron:autoscaler",
});

export async function send(
  path: string,
  init: RequestInit & { runtime?: Runtime; bindings?: Partial<Env> } = {},
): Promise<Response> {
  const { runtime = createTestRuntime(), bindings, ...request } = init;
  const context = createExecutionContext();
  const response = await createWorker(runtime).fetch(
    new Request(`http://local${path}`, { method: "POST", ...request }),
    { ...env, ...bindings },
    context,
  );
  await waitOnExecutionContext(context);
  return response;
}

export async function postMetrics(
  nodeId: string,
  body: unknown,
  more: { runtime?: Runtime; token?: string } = {},
): Promise<Response> {
  return send("/metrics", {
    headers: {
      authorization: `Bearer ${more.token ?? (await nodeToken(NODE_SECRET, nodeId))}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(body),
    ...(more.runtime === undefined ? {} : { runtime: more.runtime }),
  });
}

export const iso = (epochMs: number): string => new Date(epochMs).toISOString();

export const sampleAt = (tsMs: number, change: object = {}) => ({
  ts: iso(tsMs),
  cpu: 40,
  memory: 50,
  disk: 30,
  load: 60,
  error_rate: 0,
  latency_ms: 20,
  tenant_count: 2,
  ...change,
});

const database = (testEnv as unknown as Env).DB;

export const execute = async (query: string, ...values: unknown[]): Promise<void> => {
  await database
    .prepare(query)
    .bind(...values)
    .run();
};

export const rows = async <T = Record<string, unknown>>(query: string, ...values: unknown[]): Promise<T[]> =>
  (
    await database
      .prepare(query)
      .bind(...values)
      .all<T>()
  ).results;

export async function seedRegion(region: string, change: Partial<Record<string, unknown>> = {}): Promise<void> {
  const row = { mode: "active", min_nodes: 1, max_nodes: 8, target_pressure: 70, node_capacity: 10, ...change };
  await execute(
    "INSERT INTO scaling_regions (region, mode, min_nodes, max_nodes, target_pressure, node_size, node_capacity, updated_at) VALUES (?, ?, ?, ?, ?, 'cx32', ?, ?)",
    region,
    row.mode,
    row.min_nodes,
    row.max_nodes,
    row.target_pressure,
    row.node_capacity,
    iso(0),
  );
}

/** A node, and windows of a constant figure up to the one that ends at `untilMs`. */
export async function seedNode(
  region: string,
  nodeId: string,
  { status = "active", percent = 50, windows = 8, untilMs = NOW_MS, createdAtMs = NOW_MS - 3_600_000 } = {},
): Promise<void> {
  await execute(
    "INSERT INTO nodes (node_id, region, provider, size, capacity, status, created_at, updated_at) VALUES (?, ?, 'local', 'cx32', 10, ?, ?, ?)",
    nodeId,
    region,
    status,
    iso(createdAtMs),
    iso(createdAtMs),
  );
  for (const window of windowsOf(percent, { windows, untilMs })) {
    await execute(
      `INSERT INTO node_metrics_rollups (node_id, window_start, samples, samples_json, cpu_avg, cpu_p95, memory_avg, memory_p95,
        disk_avg, disk_p95, updated_at) VALUES (?, ?, 10, '{}', ?, ?, 10, 10, 30, 30, ?)`,
      nodeId,
      iso(window.windowStartMs),
      percent,
      percent,
      iso(NOW_MS),
    );
  }
}

export const windowsOf = (percent: number, { windows = 8, untilMs = NOW_MS } = {}): NodeWindow[] =>
  Array.from({ length: windows }, (_, index) => ({
    windowStartMs: Math.floor(untilMs / (10 * MINUTE_MS)) * 10 * MINUTE_MS - (index + 1) * 10 * MINUTE_MS,
    samples: 10,
    cpuAvg: percent,
    cpuP95: percent,
    memoryAvg: 10,
    memoryP95: 10,
    diskAvg: 30,
    diskP95: 30,
    loadAvg: null,
    errorRateAvg: null,
    latencyP95Ms: null,
    tenantCount: null,
  }));

export const nodeState = (nodeId: string, change: Partial<NodeState> & { percent?: number } = {}): NodeState => {
  const { percent = 50, ...rest } = change;
  return {
    nodeId,
    status: "active",
    capacity: 10,
    tenants: 0,
    createdAtMs: NOW_MS - 86_400_000,
    changedAtMs: NOW_MS - 86_400_000,
    windows: windowsOf(percent),
    ...rest,
  };
};

export const scalingInputs = (nodes: NodeState[], change: Partial<ScalingInputs> = {}): ScalingInputs => ({
  region: "eu",
  mode: "active",
  minNodes: 1,
  maxNodes: 8,
  targetPressure: 70,
  nodeCapacity: 10,
  dueAtMs: NOW_MS,
  nodes,
  waitingJobs: 0,
  evaluations: Array.from({ length: 6 }, (_, index) => ({
    windowMs: NOW_MS - (index + 1) * 10 * MINUTE_MS,
    recommended: 1,
    acted: false,
  })),
  ...change,
});
