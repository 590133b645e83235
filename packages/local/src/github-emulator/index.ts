export { ConnectionDropped } from "../connection-dropped.ts";
export { serveEmulator } from "../emulator-server.ts";
export { createGithubEmulator } from "./emulator.ts";
export { createWorkflowRunner, defaultStages } from "./workflow-runner.ts";
export type { EmulatorServer } from "../emulator-server.ts";
export type { GithubEmulator, GithubEmulatorOptions, RepositoryRules } from "./emulator.ts";
export type { CallbackFaults } from "./runner-callback.ts";
export type { PlayedRun, RunPlan, WorkflowRunner, WorkflowRunnerOptions } from "./workflow-runner.ts";
export type { StoredRun, WorkflowInputs, WorkflowRun } from "./workflow-run.ts";
