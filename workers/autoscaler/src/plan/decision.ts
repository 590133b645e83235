import type { HealthBand } from "@prego/core/health-score";

/** The rule that decided, the first that applied. */
export type BindingRule =
  | "paused"
  | "halted_unready"
  | "node_not_ready"
  | "node_unhealthy"
  | "pressure"
  | "waiting_jobs"
  | "min_nodes"
  | "step_cap"
  | "budget_cap"
  | "failure_backoff"
  | "nodes_on_their_way"
  | "within_target"
  | "unknown_nodes"
  | "drain_under_way"
  | "cooldown"
  | "stabilisation"
  | "drain_does_not_fit"
  | "surplus";

/** One change of the region's nodes. */
export type ScalingEffect =
  | { kind: "create_node"; index: number }
  | { kind: "fail_node"; nodeId: string }
  | { kind: "cordon_node"; nodeId: string }
  | { kind: "drain_node"; nodeId: string };

/** What a node was judged by. */
export interface NodeVerdict {
  nodeId: string;
  status: string;
  health: number | "UNKNOWN";
  band: HealthBand;
  /** Percent; absent without fresh metrics. */
  pressure: number | null;
  missedWindows: number;
}

export interface ScalingDecision {
  decision: "none" | "scale_out" | "scale_in" | "replace" | "halted";
  bindingRule: BindingRule;
  /** One line for people. */
  explanation: string;
  /** What would have to change for the next action, one line. */
  distanceToAction: string;
  effects: ScalingEffect[];
  /** Nodes that should serve; null while paused or halted. */
  recommended: number | null;
  verdicts: NodeVerdict[];
}
