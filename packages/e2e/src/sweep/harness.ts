import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { applyMigrations } from "../bench/migrate.ts";
import { bundleWorker } from "./bundle-worker.ts";
import type { CountedTotal, FaultPlan, FaultReport, HarnessCommand, HarnessStatus } from "./fault-plan.ts";
import type { PlantedBug } from "./planted-bugs.ts";

/** The usage path in one runtime, with faults on command and a clock of its own. */
export interface Harness {
  /** Sends a request of usage, as a client would. */
  send(body: string, headers: Record<string, string>): Promise<{ status: number; text: string }>;
  /** @param shards as in `USAGE_SHARDS`. */
  reset(nowMs: number, tenantIds: string[], shards?: string): Promise<void>;
  arm(plan: FaultPlan): Promise<void>;
  heal(): Promise<FaultReport>;
  deliverLate(): Promise<number>;
  setClock(nowMs: number): Promise<void>;
  breakBucket(untilMs: number): Promise<void>;
  closeCycle(cycle: string): Promise<void>;
  fireAlarms(): Promise<number>;
  restartObjects(share: number, seed: number): Promise<number>;
  aggregate(runs: number): Promise<string[]>;
  readStatus(): Promise<HarnessStatus>;
  readTotals(): Promise<CountedTotal[]>;
  close(): Promise<void>;
}

const COMPATIBILITY_DATE = "2026-10-12";
/** A request that is not answered by then shows a fault of the harness: what hangs on purpose is answered at once. */
const ANSWER_MS_MAX = 60_000;

/** Bundles the workers, with a planted bug if one is given, and starts them with migrations applied. */
export async function startHarness(bug?: PlantedBug): Promise<Harness> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      // Faults make the runtime complain all the time; what counts is the comparison.
      handleStructuredLogs: () => undefined,
      name: "sweep",
      modules: [{ type: "ESModule", path: "sweep.mjs", contents: await bundleWorker("harness-worker.ts", bug) }],
      compatibilityDate: COMPATIBILITY_DATE,
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      d1Databases: { DB: "prego" },
      r2Buckets: { BUCKET: "prego" },
      bindings: { FLUSH_SECONDS: "300" },
      durableObjects: { USAGE_BUFFER: { className: "UsageBuffer", useSQLite: true } },
    }),
  );
  const url = await miniflare.unsafeGetDirectURL("sweep");
  await applyMigrations(await miniflare.getD1Database("DB"));
  return createClient(url, () => miniflare.dispose());
}

function createClient(url: URL, close: () => Promise<void>): Harness {
  const post = async (pathname: string, body: string, headers: Record<string, string>) => {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const response = await fetch(new URL(pathname, url), { method: "POST", body, headers, signal });
    return { status: response.status, text: await response.text() };
  };
  const tell = async <T>(command: HarnessCommand): Promise<T> => {
    const { status, text } = await post("/sweep", JSON.stringify(command), {});
    if (status !== 200) throw new Error(`${command.do} was answered ${status}: ${text.slice(0, 500)}`);
    return JSON.parse(text) as T;
  };
  return {
    send: (body, headers) => post("/usage", body, headers),
    reset: (nowMs, tenantIds, shards = "") => tell({ do: "reset", nowMs, tenantIds, shards }),
    arm: (plan) => tell({ do: "plan", plan }),
    heal: () => tell({ do: "heal" }),
    deliverLate: () => tell({ do: "deliver_late" }),
    setClock: (nowMs) => tell({ do: "set_clock", nowMs }),
    breakBucket: (untilMs) => tell({ do: "break_bucket", untilMs }),
    closeCycle: (cycle) => tell({ do: "close_cycle", cycle }),
    fireAlarms: () => tell({ do: "fire_alarms" }),
    restartObjects: (share, seed) => tell({ do: "restart_objects", share, seed }),
    aggregate: (runs) => tell({ do: "aggregate", runs }),
    readStatus: () => tell({ do: "status" }),
    readTotals: () => tell({ do: "totals" }),
    close,
  };
}
