import { expect, test } from "vitest";
import { judgeDeprovision, type DeploymentJob } from "./deprovision.ts";

const job = (kind: DeploymentJob["kind"], status: string, changes: Partial<DeploymentJob> = {}): DeploymentJob => ({
  kind,
  status,
  wasClaimed: true,
  createdAt: kind === "provision" ? "2026-01-01T00:00:00.000Z" : "2026-06-01T00:00:00.000Z",
  ...changes,
});

const placed = { nodeId: "node_1", provisionedAt: "2026-01-01T00:05:00.000Z" };

test.each([
  [
    "a succeeded deprovision",
    { ...placed, jobs: [job("provision", "succeeded"), job("deprovision", "succeeded")] },
    "deprovisioned",
  ],
  ["no node", { nodeId: null, provisionedAt: null, jobs: [] }, "never provisioned"],
  [
    "a node that no workflow ever touched",
    { nodeId: "node_1", provisionedAt: null, jobs: [job("provision", "cancelled", { wasClaimed: false })] },
    "never provisioned",
  ],
])("takes %s for gone", (_title, deployment, how) => {
  expect(judgeDeprovision(deployment)).toEqual({ kind: "gone", how });
});

test.each([
  ["nothing but a place on a node", { ...placed, jobs: [] }],
  ["a failed deprovision", { ...placed, jobs: [job("provision", "succeeded"), job("deprovision", "failed")] }],
  ["a deprovision that was only dispatched", { ...placed, jobs: [job("deprovision", "dispatched")] }],
  ["a deprovision under way", { nodeId: null, provisionedAt: null, jobs: [job("deprovision", "running")] }],
  ["a provision under way", { nodeId: null, provisionedAt: null, jobs: [job("provision", "claimed")] }],
  [
    "a deprovision older than the last provision",
    {
      ...placed,
      jobs: [job("deprovision", "succeeded", { createdAt: "2025-01-01T00:00:00.000Z" }), job("provision", "succeeded")],
    },
  ],
  ["a provision that failed half way", { nodeId: "node_1", provisionedAt: null, jobs: [job("provision", "failed")] }],
])("waits on %s", (_title, deployment) => {
  expect(judgeDeprovision(deployment).kind).toBe("wait");
});
