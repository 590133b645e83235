import type { Runtime, SharedBindings } from "@prego/core/http";
import { createWorker } from "@prego/usage-writer/app";
import type { PackedAppend } from "@prego/usage-writer/buffer/append-wire";
import { UsageBuffer as RealUsageBuffer } from "@prego/usage-writer/buffer/usage-buffer";
import { createBufferDeps } from "@prego/usage-writer/deps";
import type { Env } from "@prego/usage-writer/env";
import { createRandom } from "../bench/statistics.ts";
import { faultyBindings, FaultInjector } from "../faults/fault-injector.ts";
import { runAggregators } from "./aggregator-runs.ts";
import type { HarnessCommand } from "./fault-plan.ts";
import { FaultLane, FaultSource } from "./fault-source.ts";
import { closeCycle, readStatus, readTotals, resetStores } from "./harness-stores.ts";
import { type AlarmTable, breakStorage } from "./object-storage.ts";

// One isolate holds the workers and the objects here, so that one source counts the calls of all of them.
const source = new FaultSource();
const clock = { nowMs: 0, bucketBrokenUntilMs: 0 };
const settings = { USAGE_SHARDS: "" };
const alarms: AlarmTable = new Map();
const objects = new Set<string>();
const runtime: Runtime = {
  now: () => clock.nowMs,
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  write: () => undefined,
  fetch: () => Promise.reject(new Error("the usage path calls no one")),
};

interface HarnessEnv extends SharedBindings {
  USAGE_BUFFER: Namespace;
}

class Outage extends FaultInjector {
  override async pass<T>(effect: () => Promise<T>): Promise<T> {
    if (clock.nowMs < clock.bucketBrokenUntilMs) throw new Error("the bucket is away");
    return effect();
  }
}

const breakBindings = <E extends SharedBindings>(env: E, lane: FaultInjector): E =>
  faultyBindings({ ...env, BUCKET: faultyBindings(env, new Outage()).BUCKET }, lane);

/** The real buffer, on storage and bindings that fail. */
export class UsageBuffer extends RealUsageBuffer {
  readonly #lane: FaultLane;

  constructor(context: DurableObjectState, env: Env) {
    const { storage } = context;
    breakStorage(context, { source, alarms });
    objects.add(context.id.toString());
    const lane = new FaultLane(source, "buffer", {
      restart: () => context.abort("restart"),
      sync: () => storage.sync(),
    });
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
function breakNamespace(namespace: Namespace, lane: FaultLane): Namespace {
  const getByName = (name: string) => {
    const restart = (): void => void ignore(namespace.getByName(name).restart());
    const append = (...packed: PackedAppend) =>
      lane.passAt("buffer_rpc", restart, async () => namespace.getByName(name).append(...packed));
    return { append };
  };
  return { getByName } as unknown as Namespace;
}

const app = createWorker(runtime);

async function send(request: Request, env: HarnessEnv, context: ExecutionContext): Promise<Response> {
  const lane = new FaultLane(source, "writer");
  const parts = { ...settings, USAGE_BUFFER: breakNamespace(env.USAGE_BUFFER, lane) };
  const broken = { ...breakBindings(env, lane), ...parts };
  const answer = await lane.watch(async () => app.fetch(request, broken as unknown as Env, context));
  return answer === "hung" ? new Response("no answer", { status: 504 }) : answer;
}

/** Fires every alarm that is due; one that fails or hangs is fired again, as the runtime does. */
async function fireAlarms(env: HarnessEnv): Promise<number> {
  const due = [...alarms].filter(([, atMs]) => atMs <= clock.nowMs);
  await Promise.all(
    due.map(async ([id]) => {
      alarms.delete(id);
      const fired = await env.USAGE_BUFFER.get(env.USAGE_BUFFER.idFromString(id))
        .fireAlarm()
        .catch(() => false);
      if (!fired) alarms.set(id, Math.min(alarms.get(id) ?? clock.nowMs, clock.nowMs));
    }),
  );
  return due.length;
}

async function restartObjects(env: HarnessEnv, share: number, seed: number): Promise<number> {
  const random = createRandom(seed);
  const chosen = [...objects].filter(() => random() < share);
  await Promise.all(chosen.map((id) => ignore(env.USAGE_BUFFER.get(env.USAGE_BUFFER.idFromString(id)).restart())));
  return chosen.length;
}

type Reset = Extract<HarnessCommand, { do: "reset" }>;

async function reset(env: HarnessEnv, { nowMs, tenantIds, shards }: Reset): Promise<void> {
  settings.USAGE_SHARDS = shards;
  Object.assign(clock, { nowMs, bucketBrokenUntilMs: 0 });
  source.reset();
  alarms.clear();
  objects.clear();
  await resetStores(env, tenantIds);
}

async function obey(command: HarnessCommand, env: HarnessEnv): Promise<unknown> {
  switch (command.do) {
    case "reset":
      return reset(env, command);
    case "plan":
      return source.arm(command.plan);
    case "heal":
      return source.heal();
    case "deliver_late":
      return source.deliverLate();
    case "set_clock":
      clock.nowMs = command.nowMs;
      return clock.nowMs;
    case "break_bucket":
      clock.bucketBrokenUntilMs = command.untilMs;
      return command.untilMs;
    case "close_cycle":
      return closeCycle(env, command.cycle);
    case "fire_alarms":
      return fireAlarms(env);
    case "restart_objects":
      return restartObjects(env, command.share, command.seed);
    case "aggregate":
      return runAggregators(runtime, command.runs, () => {
        const lane = new FaultLane(source, "aggregator");
        return { lane, env: breakBindings(env, lane) };
      });
    case "status":
      return { ...(await readStatus(env)), nextAlarmMs: alarms.size === 0 ? null : Math.min(...alarms.values()) };
    case "totals":
      return readTotals(env);
  }
}

const ignore = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);

export default {
  async fetch(request: Request, env: HarnessEnv, context: ExecutionContext): Promise<Response> {
    if (new URL(request.url).pathname !== "/sweep") return send(request, env, context);
    return Response.json((await obey(await request.json<HarnessCommand>(), env)) ?? null);
  },
};
