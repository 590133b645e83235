import { createRuntime } from "@prego/core/http";
import { createWorker } from "@prego/usage-writer/app";
import type { PackedAppend } from "@prego/usage-writer/buffer/append-wire";
import { UsageBuffer as RealUsageBuffer } from "@prego/usage-writer/buffer/usage-buffer";
import type { Env } from "@prego/usage-writer/env";
import { countBucket } from "./bucket.ts";
import { addCounts, COUNTS_PATH, type Counts, createCounts } from "./counts.ts";
import { countDatabase } from "./database.ts";
import { countNamespace } from "./namespace.ts";
import { countStorage, type RowMeter } from "./object-storage.ts";

// One isolate holds the worker and its objects here, so one set of counts sees all of them.
const counts: Counts = createCounts();
const meters = new Set<RowMeter>();

const countBindings = (env: Env): Env => ({
  ...env,
  DB: countDatabase(env.DB, counts),
  BUCKET: countBucket(env.BUCKET, counts),
});

/** What an object still holds. */
export interface Holding {
  batches: number;
  /** Bytes of ids and of their filters. */
  dedupeBytes: number;
}

/** The real buffer on counted storage and bindings. */
export class UsageBuffer extends RealUsageBuffer {
  readonly #sql: SqlStorage;
  #underWay = 0;
  #busySinceMs = 0;

  constructor(context: DurableObjectState, env: Env) {
    const { sql } = context.storage;
    meters.add(countStorage(context, counts));
    super(context, countBindings(env));
    this.#sql = sql;
  }

  override append(...packed: PackedAppend): Promise<string> {
    return this.#busy(() => super.append(...packed));
  }

  override alarm(): Promise<void> {
    counts.objectRequests += 1;
    return this.#busy(() => super.alarm());
  }

  /** Runs the alarm as if it were that time. */
  async runAlarmAt(nowMs: number): Promise<Holding> {
    const real = this.deps;
    this.deps = { ...real, now: () => nowMs };
    await this.alarm();
    this.deps = real;
    const size = "SELECT coalesce(sum(length(ids)), 0) AS bytes FROM segments";
    const pages = "SELECT coalesce(sum(length(ids) + length(filter) + length(first)), 0) AS bytes FROM pages";
    const bytes = [size, pages].map((query) => this.#sql.exec<{ bytes: number }>(query).one().bytes);
    const { batches } = this.#sql.exec<{ batches: number }>("SELECT count(*) AS batches FROM batches").one();
    return { batches, dedupeBytes: bytes.reduce((sum, part) => sum + part, 0) };
  }

  async #busy<T>(call: () => Promise<T>): Promise<T> {
    if (this.#underWay === 0) this.#busySinceMs = Date.now();
    this.#underWay += 1;
    try {
      return await call();
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) counts.objectBusyMs += Date.now() - this.#busySinceMs;
    }
  }
}

const app = createWorker(createRuntime({ Date, crypto, console, fetch }));
let counted: Env | undefined;

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === COUNTS_PATH) {
      for (const meter of meters) meter.collect();
      return Response.json(addCounts(counts));
    }
    if (url.pathname === "/bench/alarm") {
      const name = url.searchParams.get("object") ?? "";
      const object = env.USAGE_BUFFER.getByName(name) as unknown as UsageBuffer;
      return Response.json(await object.runAlarmAt(Number(url.searchParams.get("at"))));
    }
    const { USAGE_BUFFER } = env;
    counted ??= { ...countBindings(env), USAGE_BUFFER: countNamespace(USAGE_BUFFER, counts, new Set(["append"])) };
    return app.fetch(request, counted, context);
  },
};
