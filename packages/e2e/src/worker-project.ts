import { readFile } from "node:fs/promises";
import path from "node:path";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig, type Plugin, type ViteUserConfig } from "vitest/config";

const MIGRATIONS = path.resolve(import.meta.dirname, "../../../migrations");

/** Stripe's modules name source maps whose sources are not published; Vite would warn of each of them. */
const stripeWithoutSourceMaps: Plugin = {
  name: "stripe-without-source-maps",
  enforce: "pre",
  async load(id) {
    return /\/node_modules\/stripe\/.*\.js$/.test(id) ? { code: await readFile(id, "utf8"), map: null } : null;
  },
};

/** Vitest project whose tests run in workerd with the folder's wrangler.toml and the real migrations. */
export function workerdProject(folder: string, name: string, include: string[]): ViteUserConfig {
  return defineConfig({
    plugins: [
      stripeWithoutSourceMaps,
      cloudflareTest(async () => ({
        wrangler: { configPath: path.join(folder, "wrangler.toml") },
        miniflare: { bindings: { TEST_MIGRATIONS: await readD1Migrations(MIGRATIONS) } },
      })),
    ],
    test: {
      name,
      include,
      // The files share two runtimes: each starts on emptied storage, and none waits for a start of its own.
      maxWorkers: 2,
      isolate: false,
      setupFiles: [path.join(import.meta.dirname, "empty-storage.ts")],
      testTimeout: 120_000,
    },
  });
}

/** Vitest project of one worker: the tests beside its source. */
export function workerProject(folder: string): ViteUserConfig {
  return workerdProject(folder, path.basename(folder), ["src/**/*.test.ts"]);
}
