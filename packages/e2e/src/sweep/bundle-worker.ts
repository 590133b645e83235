import path from "node:path";
import { build } from "esbuild";
import { plantBug, type PlantedBug } from "./planted-bugs.ts";

/** Bundles a harness's worker, an entry file of this folder, with a planted bug if one is given. */
export async function bundleWorker(entry: string, bug?: PlantedBug): Promise<string> {
  const result = await build({
    entryPoints: [path.join(import.meta.dirname, entry)],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    target: "es2024",
    conditions: ["workerd", "worker", "import"],
    mainFields: ["module", "main"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "silent",
    plugins: bug === undefined ? [] : [plantBug(bug)],
  });
  return result.outputFiles[0]?.text ?? "";
}
