import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env as testEnv } from "cloudflare:workers";
import { createHash } from "node:crypto";
import type { Runtime } from "@prego/core/http";
import { type JobRun, runUnderLease } from "@prego/core/job-run";
import { usageObjectKey } from "@prego/core/usage-object";
import { createWorker } from "./app.ts";
import { JOB } from "./context.ts";
import { createDeps, type Deps } from "./deps.ts";
import type { Env } from "./env.ts";
import type { AggregationReport } from "./report.ts";
import { runAggregation } from "./run.ts";

export const OPERATOR_KEY = "operator-key";
/** Later than every upload of a test by more than the age from which reconciling looks at objects. */
export const NOW_MS = Date.now() + 3 * 60 * 60_000;
export const HOUR = "2026-11-21T02";

export const env: Env = { ...(testEnv as unknown as Env), INTERNAL_API_KEY: OPERATOR_KEY };
const { DB: database, BUCKET: bucket } = env as Pick<Env, "DB" | "BUCKET">;

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

export const createTestDeps = (bindings: Partial<Env> = {}, nowMs = NOW_MS): Deps =>
  createDeps({ ...env, ...bindings }, createTestRuntime(nowMs));

export const jobRun = (change: Partial<JobRun> = {}): JobRun => ({
  runId: "run_test",
  dueAtMs: NOW_MS,
  deadlineMs: NOW_MS + 60_000,
  trigger: "cron",
  actor: "cron:usage-aggregator",
  ...change,
});

export const aggregate = (deps: Deps = createTestDeps(), run: JobRun = jobRun()): Promise<AggregationReport> =>
  runAggregation(deps, run);

const DAY_MS = 86_400_000;
let leasedRuns = 0;

/** A run under the lease on a later day, so that its report is there for the next one. */
export async function runJob(deps: Deps = createTestDeps(), daysLater = 0): Promise<AggregationReport> {
  leasedRuns += 1;
  const started = NOW_MS + leasedRuns;
  const { leases, log } = deps;
  const { trigger, actor } = jobRun();
  const start = { job: JOB, runId: `run_${leasedRuns}`, trigger, actor, dueAtMs: NOW_MS + daysLater * DAY_MS };
  const outcome = await runUnderLease({ ...start, leases, log, now: () => started }, (run) =>
    runAggregation(deps, run),
  );
  if (outcome.kind !== "ran") throw new Error("the lease is held");
  return outcome.report;
}

/** Lists in small pages, so that a pass takes many of them. */
export function withPagesOf(size: number, deps = createTestDeps()): Deps {
  deps.raw.list = async (from) => {
    const position = "cursor" in from ? from : from.startAfter === undefined ? {} : { startAfter: from.startAfter };
    const page = await bucket.list({ prefix: "usage_raw/", limit: size, ...position });
    return {
      objects: page.objects.map(({ key, size, uploaded }) => ({
        key,
        bytes: size,
        uploadedAtMs: uploaded.getTime(),
      })),
      cursor: page.truncated ? page.cursor : undefined,
    };
  };
  return deps;
}

export async function post(
  path: string,
  { runtime = createTestRuntime(), bindings = {}, key = OPERATOR_KEY } = {},
): Promise<Response> {
  const context = createExecutionContext();
  const headers = { authorization: `Bearer ${key}` };
  const request = new Request(`http://local${path}`, { method: path === "/health" ? "GET" : "POST", headers });
  const response = await createWorker(runtime).fetch(request, { ...env, ...bindings }, context);
  await waitOnExecutionContext(context);
  return response;
}

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

export async function seedTenant(tenantId: string, status = "Active"): Promise<void> {
  await execute(
    `INSERT INTO tenants_master (tenant_id, slug, short_id, type, plan_id, status, status_changed_at, region, trace_id,
       created_at, updated_at) VALUES (?1, lower(replace(?1, '_', '-')), ?1, 'standard', 'starter', ?2, ?3, 'eu', 'trace_' || ?1, ?3, ?3)`,
    tenantId,
    status,
    "2026-01-01T00:00:00.000Z",
  );
}

export interface TestLine {
  tenantId: string;
  meterKey?: string;
  qty?: string;
  at?: string;
  value?: string;
}

export const line = ({
  tenantId,
  meterKey = "api_requests",
  qty = "1",
  at = `${HOUR}:10:00.000Z`,
  value,
}: TestLine): string =>
  JSON.stringify({
    tenant_id: tenantId,
    meter_key: meterKey,
    qty,
    timestamp: at,
    received_at: at,
    ...(qty.startsWith("-") ? { correction: true } : {}),
    ...(value === undefined ? {} : { value }),
  });

let objectNames = 0;

export interface SeededObject {
  key: string;
  text: string;
  seq: number;
}

interface SeedOptions {
  hour?: string;
  /** Columns that differ from what the writer would record; null records nothing. */
  row?: Partial<Record<"events" | "bytes" | "sha256" | "tenant_id", string | number>> | null;
  /** False leaves R2 without the object. */
  put?: boolean;
}

/** Puts an object of raw lines into R2 and its row into D1, as the writer does. */
export async function seedObject(
  tenantId: string,
  lines: readonly string[],
  { hour = HOUR, row = {}, put = true }: SeedOptions = {},
): Promise<SeededObject> {
  objectNames += 1;
  const key = usageObjectKey({ tenantId, hour, name: `object-${objectNames}` });
  const text = lines.map((each) => `${each}\n`).join("");
  const bytes = new TextEncoder().encode(text);
  if (put) await bucket.put(key, bytes);
  if (row === null) return { key, text, seq: 0 };
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const columns = { tenant_id: tenantId, events: lines.length, bytes: bytes.length, sha256, ...row };
  const [stored] = await rows<{ seq: number }>(
    `INSERT INTO usage_objects (r2_key, tenant_id, hour, events, bytes, sha256, status, created_at)
     VALUES (?, ?, ?, ?, ?, ?, 'pending', '2026-11-21T02:20:00.000Z') RETURNING seq`,
    key,
    columns.tenant_id,
    hour,
    columns.events,
    columns.bytes,
    columns.sha256,
  );
  return { key, text, seq: stored?.seq ?? 0 };
}

export interface RollupRow {
  meter_key: string;
  hour: string;
  qty: string;
  events: number;
  min_qty: string;
  max_qty: string;
  last_qty: string;
  first_event_at: string;
  last_event_at: string;
}

/** A tenant's rollups, quantities as exact text. */
export const rollupsOf = (tenantId: string): Promise<RollupRow[]> =>
  rows<RollupRow>(
    `SELECT meter_key, hour, CAST(qty AS TEXT) AS qty, events, CAST(min_qty AS TEXT) AS min_qty,
       CAST(max_qty AS TEXT) AS max_qty, CAST(last_qty AS TEXT) AS last_qty, first_event_at, last_event_at
     FROM usage_rollups WHERE tenant_id = ? ORDER BY meter_key, hour`,
    tenantId,
  );

export const adjustmentsOf = (tenantId: string): Promise<Record<string, unknown>[]> =>
  rows(
    `SELECT meter_key, corrected_cycle, r2_key, CAST(qty AS TEXT) AS qty, events, billed_cycle,
       CAST(max_qty AS TEXT) AS max_qty, CAST(last_qty AS TEXT) AS last_qty, last_event_at
     FROM usage_adjustments WHERE tenant_id = ? ORDER BY meter_key, r2_key`,
    tenantId,
  );

export const objectsOf = (tenantId: string): Promise<{ seq: number; status: string; error: string | null }[]> =>
  rows("SELECT seq, status, error FROM usage_objects WHERE tenant_id = ? ORDER BY seq", tenantId);

/** Opens a cycle's close with its stored bound. */
export const boundCycle = (cycle: string, seq: number | null): Promise<void> =>
  execute(
    `INSERT INTO cycle_runs (cycle, status, event_time_bound, stored_seq_bound, opened_at) VALUES (?1, 'waiting', ?1 || '-01', ?2, ?1)
     ON CONFLICT (cycle) DO UPDATE SET stored_seq_bound = excluded.stored_seq_bound`,
    cycle,
    seq,
  );
