import path from "node:path";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** Tests that run the workers' own code in workerd: refusals over every route, faults at every call. */
export default defineConfig({
  plugins: [
    cloudflareTest(async () => ({
      wrangler: { configPath: path.join(import.meta.dirname, "wrangler.toml") },
      miniflare: {
        bindings: { TEST_MIGRATIONS: await readD1Migrations(path.join(import.meta.dirname, "../../migrations")) },
      },
    })),
  ],
  test: {
    name: "e2e-workers",
    include: ["src/refusals/**/*.test.ts", "src/faults/**/*.test.ts"],
    setupFiles: [path.join(import.meta.dirname, "src/apply-migrations.ts")],
    testTimeout: 120_000,
  },
});
