import type { NodeWindow } from "@prego/core/health-score";

/** How a region is scaled: `advise` decides without acting, `paused` does not evaluate. */
export type ScalingMode = "active" | "advise" | "paused";

export interface NodeState {
  nodeId: string;
  status: "provisioning" | "active" | "cordoned" | "draining" | "failed";
  /** Tenants it can run. */
  capacity: number;
  /** Tenants placed on it. */
  tenants: number;
  createdAtMs: number;
  /** Last change of its status. */
  changedAtMs: number;
  windows: NodeWindow[];
}

/** What an earlier evaluation of the region found. */
export interface PastEvaluation {
  windowMs: number;
  /** Nodes it recommended; null while the region was paused or halted. */
  recommended: number | null;
  /** Whether it changed nodes. */
  acted: boolean;
}

/** Everything the decision reads, plain JSON: stored with it, and replaying it gives the same decision. */
export interface ScalingInputs {
  region: string;
  mode: ScalingMode;
  minNodes: number;
  maxNodes: number;
  /** Percent. */
  targetPressure: number;
  /** Tenants a new node can run. */
  nodeCapacity: number;
  dueAtMs: number;
  nodes: NodeState[];
  /** Provision jobs without room. */
  waitingJobs: number;
  /** Of the last 60 minutes. */
  evaluations: PastEvaluation[];
}
