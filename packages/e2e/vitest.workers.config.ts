import { workerdProject } from "./src/worker-project.ts";

/** Tests that run the workers' own code in workerd: refusals over every route, faults at every call, the close of a fleet. */
export default workerdProject(import.meta.dirname, "e2e-workers", [
  "src/refusals/**/*.test.ts",
  "src/faults/**/*.test.ts",
  "src/close/**/*.test.ts",
]);
