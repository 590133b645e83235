import { env as testEnv } from "cloudflare:workers";
import type { Runtime } from "@prego/core/http";
import { createDeps, type Deps } from "./deps.ts";
import type { Env } from "./env.ts";
import type { PurgeReport } from "./report.ts";
import { runPurge } from "./run.ts";
import { NOW_MS, traceOf } from "./seed-test-kit.ts";

export const bindings: Env = testEnv as unknown as Env;
export const { DB: database, BUCKET: bucket } = bindings;

export const PURGE_KEY = "a purge key for tests";

/** A clock that tests move, and an outside world that refuses calls unless a test says otherwise. */
export interface TestRuntime extends Runtime {
  clock: { nowMs: number; stepMs: number };
  lines: string[];
}

export function createTestRuntime(outside?: typeof fetch): TestRuntime {
  const clock = { nowMs: NOW_MS, stepMs: 0 };
  const lines: string[] = [];
  return {
    clock,
    lines,
    now: () => (clock.nowMs += clock.stepMs),
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    write: (line) => lines.push(line),
    fetch: outside ?? (() => Promise.reject(new Error("no outside world"))),
  };
}

export const withSecrets = (changes: Partial<Env> = {}): Env => ({
  ...bindings,
  INTERNAL_API_KEY: "operator key",
  PURGE_KEY,
  STRIPE_SECRET_KEY: "sk_test_x",
  ...changes,
});

/** Runs the body of the job once, as of the runtime's clock. */
export function runOnce(runtime: TestRuntime, options: { env?: Env; dueAtMs?: number } = {}): Promise<PurgeReport> {
  const { nowMs } = runtime.clock;
  return runPurge(testDeps(runtime, options.env), {
    runId: "run_test",
    dueAtMs: options.dueAtMs ?? nowMs,
    deadlineMs: nowMs + 240_000,
    trigger: "cron",
    actor: "cron:purge-job",
  });
}

export const testDeps = (runtime: TestRuntime, env: Env = withSecrets()): Deps => createDeps(env, runtime);

export const query = async <R>(sql: string, ...values: (string | number)[]): Promise<R[]> =>
  (
    await database
      .prepare(sql)
      .bind(...values)
      .all<R>()
  ).results;

/** Tables that the live schema has, with their columns. */
export async function readSchema(): Promise<Map<string, string[]>> {
  const rows = await query<{ name: string; column: string }>(
    `SELECT m.name, c.name AS "column" FROM sqlite_master m, pragma_table_info(m.name) c
     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '_cf_%' AND m.name <> 'd1_migrations'`,
  );
  const schema = new Map<string, string[]>();
  for (const { name, column } of rows) schema.set(name, [...(schema.get(name) ?? []), column]);
  return schema;
}

/** Every row of a tenant, its journey included, as one text. */
export async function snapshotRows(tenantId: string): Promise<string> {
  const parts: unknown[] = [];
  for (const [table, columns] of await readSchema()) {
    if (!columns.includes("tenant_id")) continue;
    const journey = columns.includes("trace_id") ? ` OR trace_id = '${traceOf(tenantId)}'` : "";
    parts.push(table, await query(`SELECT * FROM ${table} WHERE tenant_id = ?${journey}`, tenantId));
  }
  return JSON.stringify(parts);
}

/** Every row and object of a tenant as one text. */
export async function snapshot(tenantId: string): Promise<string> {
  const parts: unknown[] = [await snapshotRows(tenantId)];
  for (const key of await listAll(`usage_raw/tenant_id=${tenantId}/`)) {
    parts.push(key, await (await bucket.get(key))?.text());
  }
  return JSON.stringify(parts);
}

export async function listAll(prefix: string): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page: R2Objects = await bucket.list({ prefix, ...(cursor === undefined ? {} : { cursor }) });
    keys.push(...page.objects.map((object) => object.key));
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return keys;
}

/** Tables in which any cell of any row holds the text, with how many rows do. */
export async function findText(text: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const [table, columns] of await readSchema()) {
    const match = columns.map((column) => `instr(coalesce("${column}", ''), ?1) > 0`).join(" OR ");
    const [row] = await query<{ n: number }>(`SELECT count(*) AS n FROM "${table}" WHERE ${match}`, text);
    if ((row?.n ?? 0) > 0) found[table] = row?.n ?? 0;
  }
  return found;
}
