import { build, type Plugin } from "esbuild";

/** Bundles a worker's entry file, by its absolute path, into one module as workerd takes it. */
export async function bundleEntry(entry: string, plugins: Plugin[] = []): Promise<string> {
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
    logLevel: "silent",
    plugins,
  });
  return result.outputFiles[0]?.text ?? "";
}
