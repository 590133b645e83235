import { defineConfig } from "vitest/config";

/** Checks of the repository and system tests over all six workers; they run in Node and start the stack themselves. */
export default defineConfig({
  test: {
    name: "e2e",
    maxWorkers: 2,
    include: ["src/checks/**/*.test.ts", "src/system/**/*.test.ts", "src/bench/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
