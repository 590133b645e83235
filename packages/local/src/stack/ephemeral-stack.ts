import path from "node:path";
import { createTestHarness, type TestHarness } from "wrangler";
import { configPath, REPOSITORY_ROOT, WORKERS, type WorkerName } from "../wrangler-config.ts";
import { localSecrets, localVars, type Endpoints } from "./settings.ts";

/** All six workers behind the front door in one runtime process, with storage that is gone when it closes. */
export interface EphemeralStack {
  /** The one origin. */
  url: URL;
  fetch: TestHarness["fetch"];
  /** Fires a cron of a worker as if it were that time. */
  fireCron(worker: WorkerName, cron: string, scheduledTimeMs: number): Promise<void>;
  /** Straight access to the shared bindings, for checks that must not go through the workers. */
  bindings(): Promise<{ DB: D1Database; BUCKET: R2Bucket }>;
  harness: TestHarness;
  close(): Promise<void>;
}

/** Options of {@link startEphemeralStack}; `vars` overlay one worker's settings. */
export interface EphemeralStackOptions extends Endpoints {
  vars?: Partial<Record<WorkerName, Record<string, string>>>;
  secrets?: Partial<Record<WorkerName, Record<string, string>>>;
}

/** Starts the stack from the workers' own configurations and applies all migrations. */
export async function startEphemeralStack(options: EphemeralStackOptions): Promise<EphemeralStack> {
  const harness = createTestHarness({
    root: REPOSITORY_ROOT,
    workers: [
      { configPath: path.join(import.meta.dirname, "../front-door/wrangler.toml") },
      ...WORKERS.map((worker) => ({
        configPath: configPath(worker),
        vars: { ...localVars(worker, options), ...options.vars?.[worker] },
        secrets: options.secrets?.[worker] ?? localSecrets(worker),
      })),
    ],
  });
  const { url } = await harness.listen();
  const controlPlane = harness.getWorker("prego-control-plane");
  await controlPlane.applyD1Migrations("DB");
  return {
    url,
    fetch: harness.fetch,
    fireCron: async (worker, cron, scheduledTimeMs) => {
      await harness.getWorker(`prego-${worker}`).scheduled({ cron, scheduledTime: new Date(scheduledTimeMs) });
    },
    bindings: async () => (await controlPlane.getEnv()) as { DB: D1Database; BUCKET: R2Bucket },
    harness,
    close: () => harness.close(),
  };
}
