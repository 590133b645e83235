/** What the tenant's row and its jobs say about the node. */
export interface Deployment {
  nodeId: string | null;
  provisionedAt: string | null;
  jobs: readonly DeploymentJob[];
}

export interface DeploymentJob {
  kind: "provision" | "deprovision";
  status: string;
  /** A workflow began to work on it. */
  wasClaimed: boolean;
  createdAt: string;
}

export type DeprovisionVerdict =
  | { kind: "gone"; how: "deprovisioned" | "never provisioned" }
  | { kind: "wait"; reason: string };

const FINISHED = new Set(["succeeded", "failed", "cancelled"]);

/** Whether nothing of the tenant is left on a node, told from what the workflow reported, never from a request that was sent. */
export function judgeDeprovision({ nodeId, provisionedAt, jobs }: Deployment): DeprovisionVerdict {
  if (jobs.some((job) => !FINISHED.has(job.status))) {
    return { kind: "wait", reason: "a provisioning job is under way" };
  }
  const provisions = jobs.filter((job) => job.kind === "provision");
  const lastProvisionAt = provisions.map((job) => job.createdAt).reduce((a, b) => (a > b ? a : b), "");
  const isConfirmed = jobs.some(
    (job) => job.kind === "deprovision" && job.status === "succeeded" && job.createdAt >= lastProvisionAt,
  );
  if (isConfirmed) return { kind: "gone", how: "deprovisioned" };
  const wasTouched = provisions.some((job) => job.wasClaimed || job.status === "succeeded");
  if (nodeId === null || (provisionedAt === null && !wasTouched)) return { kind: "gone", how: "never provisioned" };
  return { kind: "wait", reason: "the deprovision is not confirmed" };
}
