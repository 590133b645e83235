import { createRuntime, type Runtime } from "@prego/core/http";
import { createLogger, type Logger } from "@prego/core/log";
import { openDatabase } from "@prego/core/store";
import type { AppendRequest } from "./buffer/append-request.ts";
import { type Env, readFlushMs, readShards } from "./env.ts";
import { type AppendOutcome, appendToBuffer } from "./store/buffers.ts";
import { MeterCache, type MeterRules } from "./store/meters.ts";
import { createRawUsageStore, type RawUsageStore } from "./store/raw-usage.ts";
import { TenantCache, type TenantAnswer } from "./store/tenants.ts";

/** What accepting usage works with. */
export interface IngestDeps {
  findTenants: (tenantIds: ReadonlySet<string>, nowMs: number) => Promise<ReadonlyMap<string, TenantAnswer>>;
  findMeterRules: (nowMs: number) => Promise<MeterRules>;
  shardCount: (tenantId: string) => number;
  append: (request: AppendRequest) => Promise<AppendOutcome>;
}

/** Makes the parts of one request; the memories outlive it and belong to one app. */
export function createIngestFactory(): (env: Env) => IngestDeps {
  const tenants = new TenantCache();
  const meters = new MeterCache();
  let made: { env: Env; deps: IngestDeps } | undefined;
  return (env) => {
    // The runtime hands every request the same bindings.
    if (made?.env === env) return made.deps;
    const db = openDatabase(env.DB);
    const shards = readShards(env);
    const deps: IngestDeps = {
      findTenants: (tenantIds, nowMs) => tenants.find(db, tenantIds, nowMs),
      findMeterRules: (nowMs) => meters.find(db, nowMs),
      shardCount: (tenantId) => shards.get(tenantId) ?? 1,
      append: (request) => appendToBuffer(env.USAGE_BUFFER, request),
    };
    made = { env, deps };
    return deps;
  };
}

/** What a usage buffer works with besides its own storage. */
export interface BufferDeps {
  store: RawUsageStore;
  now: () => number;
  log: Logger;
  flushMs: number;
}

/** Makes the parts of a usage buffer. */
export function createBufferDeps(
  env: Env,
  runtime: Runtime = createRuntime({ Date, crypto, console, fetch }),
): BufferDeps {
  return {
    store: createRawUsageStore(env.DB, env.BUCKET),
    now: runtime.now,
    log: createLogger("usage-writer", runtime.write, runtime.now),
    flushMs: readFlushMs(env),
  };
}
