import type { BindingRule } from "./decision.ts";
import type { Demand } from "./demand.ts";
import type { Fleet } from "./fleet.ts";
import type { ScalingInputs } from "./inputs.ts";
import { EVALUATION_WINDOW_MS, FAILURE_BACKOFF_MS_MAX, SCALE_OUT_STEP_MAX } from "./policy.ts";

export interface Growth {
  /** Nodes short of the recommendation, those on their way counted as there. */
  missing: number;
  /** Nodes to order now. */
  create: number;
  /** What asked for them, or what holds some of them back. */
  rule: BindingRule;
}

export function planGrowth(inputs: ScalingInputs, fleet: Fleet, demand: Demand): Growth {
  const { serving, leaving, onTheWay } = fleet;
  const missing = Math.max(0, demand.recommended - serving.length - onTheWay.length);
  const paidFor = serving.length + leaving.length + onTheWay.length;
  const caps: { rule: BindingRule; nodes: number }[] = [
    { rule: "failure_backoff", nodes: inputs.dueAtMs < orderAgainAtMs(inputs, fleet) ? 0 : Infinity },
    { rule: "budget_cap", nodes: Math.max(0, inputs.maxNodes - paidFor) },
    { rule: "step_cap", nodes: SCALE_OUT_STEP_MAX },
  ];
  const create = Math.min(missing, ...caps.map(({ nodes }) => nodes));
  const cap = create < missing ? caps.find(({ nodes }) => nodes === create) : undefined;
  return { missing, create, rule: cap?.rule ?? driverOf(demand, serving.length + onTheWay.length) };
}

function driverOf({ byPressure, byJobs, recommended }: Demand, nodes: number): BindingRule {
  if (byPressure > nodes) return "pressure";
  return byPressure + byJobs === recommended && byJobs > 0 ? "waiting_jobs" : "min_nodes";
}

/** One failed node is replaced at once, after that the pause doubles: what fails every time must not be bought for ever. */
function orderAgainAtMs({ dueAtMs }: ScalingInputs, { failures, overdue }: Fleet): number {
  const count = failures.length + overdue.length;
  if (count < 2) return -Infinity;
  const lastMs = overdue.length > 0 ? dueAtMs : Math.max(...failures.map(({ changedAtMs }) => changedAtMs));
  return lastMs + Math.min(FAILURE_BACKOFF_MS_MAX, EVALUATION_WINDOW_MS * 2 ** (count - 2));
}
