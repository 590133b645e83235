import type { Runtime } from "@prego/core/http";
import { createWorker } from "@prego/usage-writer/app";
import type { AppendRequest } from "@prego/usage-writer/buffer/append-request";
import { UsageBuffer as RealUsageBuffer } from "@prego/usage-writer/buffer/usage-buffer";
import { createBufferDeps } from "@prego/usage-writer/deps";
import type { Env } from "@prego/usage-writer/env";
import { createRandom } from "../bench/statistics.ts";
import { faultyBucket, faultyDatabase, FaultInjector } from "../faults/fault-injector.ts";
import { runAggregators } from "./aggregator-runs.ts";
import type { HarnessCommand } from "./fault-plan.ts";
import { FaultLane, FaultSource } from "./fault-source.ts";
import { closeCycle, readStatus, readTotals, resetStores } from "./harness-stores.ts";
import { type AlarmTable, breakStorage } from "./object-storage.ts";

// One isolate holds the workers and the objects here, so that one source counts the calls of all of them.
const source = new FaultSource();
const clock = { nowMs: 0, bucketBrokenUntilMs: 0 };
const alarms: AlarmTable = new Map();
const objects = new Set<string>();
const runtime: Runtime = {
  now: () => clock.nowMs,
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  write: () => undefined,
  fetch: () => Promise.reject(new Error("the usage path calls no one")),
};

class Outage extends FaultInjector {
  override async pass<T>(effect: () => Promise<T>): Promise<T> {
    if (clock.nowMs < clock.bucketBrokenUntilMs) throw new Error("the bucket is away");
    return effect();
  }
}

const breakBindings = <E extends Env>(env: E, lane: FaultInjector): E => ({
  ...env,
  DB: faultyDatabase(env.DB, lane),
  BUCKET: faultyBucket(faultyBucket(env.BUCKET, new Outage()), lane),
});

/** The real buffer, on storage and bindings that fail. */
export class UsageBuffer extends RealUsageBuffer {
  readonly #lane: FaultLane;

  constructor(context: DurableObjectState, env: Env) {
    breakStorage(context, { source, alarms });
    objects.add(context.id.toString());
    const lane = new FaultLane(source, "buffer", () => context.abort("restart"));
    const broken = breakBindings(env, lane);
    super(context, broken);
    this.#lane = lane;
    this.deps = createBufferDeps(broken, runtime);
  }

  /** False if the alarm hangs. */
  async fireAlarm(): Promise<boolean> {
    return (await this.#lane.watch(() => this.alarm())) !== "hung";
  }

  restart(): void {
    this.ctx.abort("restart");
  }
}

type Namespace = DurableObjectNamespace<UsageBuffer>;

/** Buffers whose answers get lost. Each effect takes a stub of its own: a late one runs in another request. */
function breakNamespace(namespace: Namespace, site: FaultSource, watch: FaultLane): Namespace {
  const getByName = (name: string) => {
    const lane = new FaultLane(site, "buffer_rpc", () => {
      void namespace
        .getByName(name)
        .restart()
        .catch(() => undefined);
    });
    void lane.watch(() => new Promise(() => undefined)).then(() => watch.giveUp());
    return {
      append: (request: AppendRequest) => lane.pass(async () => namespace.getByName(name).append(request)),
    };
  };
  return { getByName } as unknown as Namespace;
}
