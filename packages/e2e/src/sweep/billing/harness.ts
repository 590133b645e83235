import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { applyMigrations } from "../../bench/migrate.ts";
import { bundleWorker } from "../bundle-worker.ts";
import type { PlantedBug } from "../planted-bugs.ts";
import type { Stage } from "./kept-stores.ts";
import type { BillingCommand, Fault, PointOutcome, ScheduleOutcome } from "./fault-plan.ts";

/** The close with its Stripe and its clock in one runtime. */
export interface BillingHarness {
  /** Seeds another fleet and keeps it. */
  useFleet(seed: number): Promise<void>;
  runPoint(stage: Stage, faults: readonly Fault[]): Promise<PointOutcome>;
  runSchedule(seed: number): Promise<ScheduleOutcome>;
  close(): Promise<void>;
}

const COMPATIBILITY_DATE = "2026-10-12";
/** A command that is not answered by then shows a fault of the harness: what hangs on purpose ends at once. */
const ANSWER_MS_MAX = 60_000;

/** Bundles the workers, with a planted bug if one is given, and starts them with migrations applied. */
export async function startBillingHarness(bug?: PlantedBug): Promise<BillingHarness> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      handleStructuredLogs: () => undefined,
      name: "sweep",
      modules: [
        { type: "ESModule", path: "sweep.mjs", contents: await bundleWorker("billing/harness-worker.ts", bug) },
      ],
      compatibilityDate: COMPATIBILITY_DATE,
      compatibilityFlags: ["nodejs_compat"],
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      d1Databases: { DB: "prego" },
      r2Buckets: { BUCKET: "prego" },
    }),
  );
  const url = await miniflare.unsafeGetDirectURL("sweep");
  await applyMigrations(await miniflare.getD1Database("DB"));
  const tell = async <T>(command: BillingCommand): Promise<T> => {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const response = await fetch(url, { method: "POST", body: JSON.stringify(command), signal });
    if (response.ok) return (await response.json()) as T;
    throw new Error(`${JSON.stringify(command)} was answered ${response.status}: ${await response.text()}`);
  };
  return {
    useFleet: (seed) => tell({ do: "fleet", seed }),
    runPoint: (stage, faults) => tell({ do: "point", stage, faults: [...faults] }),
    runSchedule: (seed) => tell({ do: "schedule", seed }),
    close: () => miniflare.dispose(),
  };
}
