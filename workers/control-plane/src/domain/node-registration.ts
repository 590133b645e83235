import type { nodes } from "@prego/core/schema";

export type NodeRow = typeof nodes.$inferSelect;

/** What a node says of itself when it comes up. */
export interface NodeClaim {
  nodeId: string;
  region: string;
  provider: string;
  size: string;
  capacity: number;
}

/** Whether a node is new, comes up, is there already (then nothing changes), or may not come back. */
export type NodePlan = { kind: "create" | "activate" | "done" } | { kind: "conflict"; reason: string };

/** A node that an operator or the autoscaler took out of service keeps its status: registering does not bring it back. */
export function planNodeRegistration(known: NodeRow | undefined, claim: NodeClaim): NodePlan {
  if (known === undefined) return { kind: "create" };
  if (known.region !== claim.region) return { kind: "conflict", reason: "The node is known in another region." };
  switch (known.status) {
    case "provisioning":
      return { kind: "activate" };
    case "active":
    case "cordoned":
    case "draining":
      return { kind: "done" };
    case "retired":
    case "failed":
      return { kind: "conflict", reason: "The node was taken out of service; register it under a new id." };
  }
}
