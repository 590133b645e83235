import { mkdtempSync } from "node:fs";
import { constants, setPriority } from "node:os";
import path from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { bundleEntry } from "../bundle-entry.ts";
import { type HeapInspector, openHeapInspector } from "./heap-inspector.ts";
import { findRuntimeProcesses, type ProcessFigures, readProcess } from "./process-figures.ts";

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
  bucket(worker: string): Promise<R2Bucket>;
  /** Only of a runtime that was started with `inspect`. */
  heapOf(worker: string): Promise<HeapInspector>;
  process(): ProcessFigures | undefined;
  /** Makes it leave the processor to others whenever they want it. */
  yieldProcessor(): void;
  /** The first errors that workers logged; a measurement during which they failed is worth nothing. */
  errors: readonly string[];
  close(): Promise<void>;
}

/** The compatibility date of all workers, as in wrangler.base.toml. */
const COMPATIBILITY_DATE = "2026-10-12";
const ERRORS_MAX = 20;
/** How Miniflare takes flags for V8. */
const V8_FLAGS = "MINIFLARE_WORKERD_V8_FLAGS";

/** What is unusual about a runtime. */
export interface RuntimeOptions {
  /** Opens the inspector. */
  inspect?: boolean;
  /** Limit of every isolate's heap; one that needs more ends the whole runtime. */
  heapMbMax?: number;
  /** An empty directory: runtimes that are given the same one share D1 and R2, and the first of them runs these. */
  storageFolder?: string;
}

/** Bundles and starts workers in one workerd with one D1 and R2. */
export async function startRuntime(
  workers: readonly MeasuredWorker[],
  { inspect = false, heapMbMax, storageFolder }: RuntimeOptions = {},
): Promise<MeasuredRuntime> {
  const errors: string[] = [];
  const earlier = new Set(findRuntimeProcesses());
  const options = convertV4MiniflareOptions({
    ...(inspect ? { inspectorPort: 0 } : {}),
    // Log lines go nowhere: printing thousands of them a second would be measured with the rest.
    handleStructuredLogs: ({ level, message }) => {
      const failed = level === "error" || message.includes('"level":"error"');
      if (failed && errors.length < ERRORS_MAX) errors.push(message);
    },
    workers: await Promise.all(workers.map(toOptions)),
  });
  // Read when the process is started; nothing else starts one at that time.
  if (heapMbMax !== undefined) process.env[V8_FLAGS] = `--max-heap-size=${heapMbMax}`;
  const miniflare = new Miniflare({ ...options, ...(storageFolder === undefined ? {} : shareStorage(storageFolder)) });
  await miniflare.ready.finally(() => Reflect.deleteProperty(process.env, V8_FLAGS));
  const pid = findRuntimeProcesses().find((found) => !earlier.has(found));
  return {
    urlOf: (worker) => miniflare.unsafeGetDirectURL(worker),
    database: (worker) => miniflare.getD1Database("DB", worker),
    bucket: async (worker) => (await miniflare.getR2Bucket("BUCKET", worker)) as unknown as R2Bucket,
    heapOf: async (worker) => openHeapInspector(await miniflare.getInspectorURL(), worker),
    process: () => readProcess(pid),
    yieldProcessor: () => {
      if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_LOW);
    },
    errors,
    close: () => miniflare.dispose(),
  };
}

// Objects are not shared: each runtime runs its own, on a thread of its own.
const shareStorage = (folder: string) => ({
  unsafeEnableSharedStorage: true,
  enableDevRegistry: true,
  resourcePersistencePath: path.join(folder, "shared"),
  isolatedResourcePersistencePath: mkdtempSync(path.join(folder, "own-")),
  unsafeDevRegistryPath: path.join(folder, "registry"),
});

async function toOptions({ name, entry, objects = {}, vars = {} }: MeasuredWorker) {
  return {
    name,
    modules: [{ type: "ESModule" as const, path: `${name}.mjs`, contents: await bundleEntry(entry) }],
    compatibilityDate: COMPATIBILITY_DATE,
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    d1Databases: { DB: "prego" },
    r2Buckets: { BUCKET: "prego" },
    bindings: vars,
    durableObjects: Object.fromEntries(
      Object.entries(objects).map(([binding, className]) => [binding, { className, useSQLite: true }]),
    ),
  };
}
