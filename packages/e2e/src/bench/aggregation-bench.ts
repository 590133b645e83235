import { entryOf } from "./entries.ts";
import { addTenants, applyMigrations } from "./migrate.ts";
import { type MeasuredRuntime, type RuntimeOptions, startRuntime } from "./runtime.ts";
import { lastHourMs, makeLines, type Place, storeObject } from "./stored-objects.ts";

/** The aggregator and, beside it, the worker that only parses, over one database and one bucket. */
export interface AggregationBench {
  runtime: MeasuredRuntime;
  /** Makes an object known as pending; returns its key. */
  store(name: string, content: { bytes: Uint8Array; events: number }): Promise<string>;
  /** Rolls everything up from the beginning, and returns how long that took. All lines there are must come out. */
  aggregate(lines: number): Promise<number>;
  forgetObjects(): Promise<void>;
}

const TENANT = "ten_lines";
const API_KEY = "an-operator-key-for-the-bench-0123456789";

/** Makes the contents of objects, so many lines each. */
export function makeContents(objects: number, lines: number, seed: number): Uint8Array[] {
  return Array.from({ length: objects }, (_, index) => makeLines(place(), lines, seed + index));
}

const place = (): Place => ({ tenantId: TENANT, hourMs: lastHourMs(Date.now()) });

/** Starts both workers; objects are stored by way of another runtime, if one that shares its storage is given. */
export async function startAggregationBench(
  options: RuntimeOptions = {},
  storage?: { runtime: MeasuredRuntime; worker: string },
): Promise<AggregationBench> {
  const runtime = await startRuntime(
    [
      { name: "aggregator", entry: entryOf("@prego/usage-aggregator/index"), vars: { INTERNAL_API_KEY: API_KEY } },
      { name: "parse", entry: entryOf("baselines/parse.ts") },
    ],
    options,
  );
  const through = storage ?? { runtime, worker: "aggregator" };
  const database = await through.runtime.database(through.worker);
  const bucket = await through.runtime.bucket(through.worker);
  await applyMigrations(database);
  await addTenants(database, [TENANT]);
  return {
    runtime,
    store: (name, content) => storeObject({ database, bucket }, { ...place(), name }, content),
    aggregate: async (lines) => {
      await database.batch([
        database.prepare("UPDATE usage_objects SET status = 'pending', processed_at = NULL"),
        database.prepare("DELETE FROM usage_rollups"),
      ]);
      const tookMs = await triggerRun(runtime);
      const total = await database.prepare("SELECT sum(events) AS total FROM usage_rollups").first<number>("total");
      if (total !== lines) throw new Error(`${lines} lines were stored, ${total ?? 0} rolled up`);
      return tookMs;
    },
    forgetObjects: async () => {
      await database.prepare("DELETE FROM usage_objects").run();
    },
  };
}

async function triggerRun(runtime: MeasuredRuntime): Promise<number> {
  const url = new URL("/aggregate", await runtime.urlOf("aggregator"));
  const startedAt = performance.now();
  const answer = await fetch(url, { method: "POST", headers: { authorization: `Bearer ${API_KEY}` } });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the aggregator answered ${answer.status}: ${text}`);
  return performance.now() - startedAt;
}
