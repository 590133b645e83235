import { defineConfig } from "vitest/config";

export default defineConfig({
  // Vitest would leave a core of two idle; the tests wait for workerd, not for each other.
  test: { maxWorkers: 2, projects: ["packages/*/vitest*.config.ts", "workers/*/vitest.config.ts"] },
});
