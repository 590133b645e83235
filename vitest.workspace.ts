import { defineConfig } from "vitest/config";

export default defineConfig({
  // A project does not inherit maxWorkers: each says 2, or vitest would leave a core of two idle.
  test: { projects: ["packages/*/vitest*.config.ts", "workers/*/vitest.config.ts"] },
});
