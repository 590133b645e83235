import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse, stringify, type TomlTable } from "smol-toml";

/** Root of the checkout. */
export const REPOSITORY_ROOT = path.resolve(import.meta.dirname, "../../..");

/** The six workers, by folder name. */
export const WORKERS = [
  "control-plane",
  "usage-writer",
  "usage-aggregator",
  "cycle-close",
  "purge-job",
  "autoscaler",
] as const;

/** Folder name of a worker. */
export type WorkerName = (typeof WORKERS)[number];

const HEADER = "# Composed from wrangler.base.toml and worker.toml by `pnpm compose`. Change those, not this file.\n";

/** Complete configuration of one worker: the base, overlaid by the worker's own part. */
export function composeConfig(worker: WorkerName): TomlTable {
  const base = readToml("wrangler.base.toml");
  const own = readToml(`workers/${worker}/worker.toml`);
  const { name, main, ...rest } = own;
  if (name === undefined || main === undefined) {
    throw new Error(`workers/${worker}/worker.toml must set name and main`);
  }
  return { name, main, ...base, ...rest };
}

/** Text of `workers/<worker>/wrangler.toml`. */
export const composeText = (worker: WorkerName): string => `${HEADER}${stringify(composeConfig(worker))}\n`;

/** Path of `workers/<worker>/wrangler.toml`. */
export const configPath = (worker: WorkerName): string =>
  path.join(REPOSITORY_ROOT, "workers", worker, "wrangler.toml");

/** Folders under `workers/`, so that a seventh worker is not forgotten. */
export const workerFolders = (): string[] => readdirSync(path.join(REPOSITORY_ROOT, "workers")).toSorted();

function readToml(relativePath: string): TomlTable {
  return parse(readFileSync(path.join(REPOSITORY_ROOT, relativePath), "utf8"));
}
