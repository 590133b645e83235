import type { BindingRule, NodeVerdict, ScalingDecision, ScalingEffect } from "./plan/decision.ts";
import { measureDemand } from "./plan/demand.ts";
import { describeDistance, explainRule, type Findings } from "./plan/explain.ts";
import { assessFleet, type Fleet } from "./plan/fleet.ts";
import { planGrowth } from "./plan/growth.ts";
import type { ScalingInputs } from "./plan/inputs.ts";
import { planShrink } from "./plan/shrink.ts";

/**
 * Decides what a region needs, from its state alone. Scaling out and replacing come before scaling in; health decides who
 * is cordoned, pressure how many nodes serve.
 */
export function planScaling(inputs: ScalingInputs): ScalingDecision {
  const fleet = assessFleet(inputs);
  const demand = measureDemand(inputs, fleet);
  const growth = planGrowth(inputs, fleet, demand);
  const findings = { inputs, fleet, demand, growth };
  if (inputs.mode === "paused") return withoutAction("none", "paused", findings);
  if (fleet.halted) return withoutAction("halted", "halted_unready", findings);

  const replacements: ScalingEffect[] = [
    ...fleet.overdue.map(({ nodeId }) => ({ kind: "fail_node" as const, nodeId })),
    ...fleet.sick.map(({ nodeId }) => ({ kind: "cordon_node" as const, nodeId })),
  ];
  const orders = Array.from({ length: growth.create }, (_, index) => ({
    kind: "create_node" as const,
    index: index + 1,
  }));
  const recommended = demand.recommended;
  if (replacements.length > 0) {
    const rule = fleet.overdue.length > 0 ? "node_not_ready" : "node_unhealthy";
    return { decision: "replace", ...describe(rule, findings), effects: [...replacements, ...orders], recommended };
  }
  if (growth.missing > 0) {
    const decision = growth.create > 0 ? "scale_out" : "none";
    return { decision, ...describe(growth.rule, findings), effects: orders, recommended };
  }
  const { rule, victim } = planShrink(inputs, fleet, demand);
  if (victim === undefined) return { decision: "none", ...describe(rule, findings), effects: [], recommended };
  const effects: ScalingEffect[] = [{ kind: "drain_node", nodeId: victim.nodeId }];
  return { decision: "scale_in", ...describe(rule, findings), effects, recommended };
}

function withoutAction(decision: "none" | "halted", rule: BindingRule, findings: Findings): ScalingDecision {
  return { decision, ...describe(rule, findings), effects: [], recommended: null };
}

const describe = (rule: BindingRule, findings: Findings) => ({
  bindingRule: rule,
  explanation: explainRule(rule, findings),
  distanceToAction: describeDistance(rule, findings),
  verdicts: listVerdicts(findings.fleet),
});

function listVerdicts({ all }: Fleet): NodeVerdict[] {
  return all
    .filter(({ status }) => status !== "failed")
    .map(({ nodeId, status, score }) => ({
      nodeId,
      status,
      health: score.health,
      band: score.band,
      pressure: score.pressure ?? null,
      missedWindows: score.missedWindows,
    }));
}
