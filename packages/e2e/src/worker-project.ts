import path from "node:path";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const MIGRATIONS = path.resolve(import.meta.dirname, "../../../migrations");

/** Vitest project of one worker: its tests run in workerd with its own configuration and the real migrations. */
export function workerProject(folder: string): ViteUserConfig {
  return defineConfig({
    plugins: [
      cloudflareTest(async () => ({
        wrangler: { configPath: path.join(folder, "wrangler.toml") },
        miniflare: { bindings: { TEST_MIGRATIONS: await readD1Migrations(MIGRATIONS) } },
      })),
    ],
    test: {
      name: path.basename(folder),
      include: ["src/**/*.test.ts"],
      testTimeout: 60_000,
      setupFiles: [path.join(import.meta.dirname, "apply-migrations.ts")],
    },
  });
}
