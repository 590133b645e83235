import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

/** A worker to be measured: its entry file and what it is bound to. */
export interface MeasuredWorker {
  name: string;
  /** Absolute path of the entry module. */
  entry: string;
  /** Durable Object bindings: binding name to class name. */
  objects?: Record<string, string>;
  vars?: Record<string, string>;
}

/** A running runtime whose workers answer on sockets of their own: no proxy that production does not have. */
export interface MeasuredRuntime {
  urlOf(worker: string): Promise<URL>;
  database(worker: string): Promise<D1Database>;
  close(): Promise<void>;
}

/** The compatibility date of all workers, as in wrangler.base.toml. */
const COMPATIBILITY_DATE = "2026-10-12";

/** Bundles and starts workers in one workerd with one shared D1 and R2. */
export async function startRuntime(workers: readonly MeasuredWorker[]): Promise<MeasuredRuntime> {
  const options = convertV4MiniflareOptions({
    workers: await Promise.all(
      workers.map(async (worker) => ({
        name: worker.name,
        modules: [{ type: "ESModule" as const, path: `${worker.name}.mjs`, contents: await bundle(worker.entry) }],
        compatibilityDate: COMPATIBILITY_DATE,
        unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
        d1Databases: { DB: "prego" },
        r2Buckets: { BUCKET: "prego" },
        bindings: worker.vars ?? {},
        durableObjects: Object.fromEntries(
          Object.entries(worker.objects ?? {}).map(([binding, className]) => [binding, { className, useSQLite: true }]),
        ),
      })),
    ),
  });
  const miniflare = new Miniflare(options);
  await miniflare.ready;
  return {
    urlOf: (worker) => miniflare.unsafeGetDirectURL(worker),
    database: async (worker) => (await miniflare.getD1Database("DB", worker)) as unknown as D1Database,
    close: () => miniflare.dispose(),
  };
}

async function bundle(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    target: "es2024",
    conditions: ["workerd", "worker", "import"],
    mainFields: ["module", "main"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "error",
  });
  return result.outputFiles[0]?.text ?? "";
}
