import { entryOf } from "./entries.ts";
import { addCounts, COUNTS_PATH, type Counts } from "./instrument/counts.ts";
import type { Holding } from "./instrument/usage-writer.ts";
import { addTenants, applyMigrations } from "./migrate.ts";
import { type MeasuredRuntime, startRuntime } from "./runtime.ts";

/** usage-writer and usage-aggregator on instrumented bindings, over one database and one bucket. */
export interface MeteredStack {
  runtime: MeasuredRuntime;
  database: D1Database;
  writerUrl: string;
  addTenants(tenantIds: readonly string[]): Promise<void>;
  /** What both workers have done so far. */
  readCounts(): Promise<Counts>;
  /** Runs the alarm of a tenant's buffer as if it were that time. */
  runAlarm(tenantId: string, atMs: number): Promise<Holding>;
  /** One scheduled run of the aggregator. */
  aggregate(): Promise<void>;
  /** Runs of the aggregator until nothing is pending; returns their number. */
  aggregateAll(): Promise<number>;
  close(): Promise<void>;
}

const RUNS_MAX = 200;

/** Starts the stack with migrations applied. */
export async function startMeteredStack(): Promise<MeteredStack> {
  const runtime = await startRuntime([
    {
      name: "writer",
      entry: entryOf("instrument/usage-writer.ts"),
      objects: { USAGE_BUFFER: "UsageBuffer" },
      vars: { FLUSH_SECONDS: "300" },
    },
    { name: "aggregator", entry: entryOf("instrument/usage-aggregator.ts") },
  ]);
  const database = await runtime.database("writer");
  await applyMigrations(database);
  const [writer, aggregator] = await Promise.all([runtime.urlOf("writer"), runtime.urlOf("aggregator")]);
  const aggregate = async (): Promise<void> => {
    await fetchJson(new URL("/bench/run", aggregator));
  };
  return {
    runtime,
    database,
    writerUrl: writer.href,
    addTenants: (tenantIds) => addTenants(database, tenantIds),
    readCounts: async () => {
      const parts = [writer, aggregator].map((worker) => fetchJson<Counts>(new URL(COUNTS_PATH, worker)));
      return addCounts(...(await Promise.all(parts)));
    },
    runAlarm: (tenantId, atMs) => fetchJson(new URL(`/bench/alarm?object=${tenantId}/0&at=${atMs}`, writer)),
    aggregate,
    aggregateAll: async () => {
      for (let runs = 0; runs < RUNS_MAX; runs += 1) {
        if ((await countPending(database)) === 0) return runs;
        await aggregate();
      }
      throw new Error(`objects are still pending after ${RUNS_MAX} runs`);
    },
    close: () => runtime.close(),
  };
}

async function countPending(database: D1Database): Promise<number> {
  const query = "SELECT count(*) AS pending FROM usage_objects WHERE status = 'pending'";
  return (await database.prepare(query).first<number>("pending")) ?? 0;
}

async function fetchJson<T>(url: URL): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
