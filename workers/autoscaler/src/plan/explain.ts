import type { BindingRule } from "./decision.ts";
import type { Demand } from "./demand.ts";
import type { Fleet } from "./fleet.ts";
import type { Growth } from "./growth.ts";
import type { ScalingInputs } from "./inputs.ts";
import { SCALE_OUT_STEP_MAX, TOLERANCE_PERCENT } from "./policy.ts";

/** What the lines for people are made of. */
export interface Findings {
  inputs: ScalingInputs;
  fleet: Fleet;
  demand: Demand;
  growth: Growth;
}

/** One line: what was decided and why. */
export function explainRule(rule: BindingRule, { inputs, fleet, demand, growth }: Findings): string {
  const { serving, onTheWay, sick, overdue, unready } = fleet;
  const have = `${serving.length} serving, ${onTheWay.length} on their way, ${demand.recommended} recommended`;
  const order = `${growth.create} of ${growth.missing} missing nodes ordered`;
  const reasons: Record<BindingRule, string> = {
    paused: "The region is paused: it is not evaluated.",
    halted_unready: `${unready} nodes are unready: the fault is not theirs, nothing is changed until fewer are.`,
    node_not_ready: `${listIds(overdue)} did not report in 15 minutes and is given up; ${order} (${have}).`,
    node_unhealthy: `${listIds(sick)} is unhealthy and takes no more tenants; ${order} (${have}).`,
    pressure: `Mean pressure ${demand.meanPressure} % is above the target of ${inputs.targetPressure} %: ${order} (${have}).`,
    waiting_jobs: `${inputs.waitingJobs} provision jobs wait for room: ${order} (${have}).`,
    min_nodes: `Fewer nodes than the minimum of ${inputs.minNodes}: ${order} (${have}).`,
    step_cap: `At most ${SCALE_OUT_STEP_MAX} nodes are ordered at once: ${order} (${have}).`,
    budget_cap: `The budget allows ${inputs.maxNodes} nodes: ${order} (${have}).`,
    failure_backoff: `New nodes keep failing, the next order waits: ${order} (${have}).`,
    nodes_on_their_way: `Nodes on their way are waited for (${have}).`,
    within_target: `As many nodes as recommended at mean pressure ${demand.meanPressure} % (${have}).`,
    unknown_nodes: `A node has no fresh metrics, so none is drained (${have}).`,
    drain_under_way: `Another node is being drained (${have}).`,
    cooldown: `Nodes were changed in the last 30 minutes (${have}).`,
    stabilisation: `More nodes were recommended, or a window not evaluated, in the last 60 minutes (${have}).`,
    drain_does_not_fit: `No node's tenants and load fit on the others (${have}).`,
    surplus: `Fewer nodes were enough for 60 minutes: one is drained (${have}).`,
  };
  return reasons[rule];
}

/** One line: how far the next action is. */
export function describeDistance(rule: BindingRule, { inputs, fleet, demand }: Findings): string {
  if (rule === "paused") return "None until the region is set to advise or active.";
  if (rule === "halted_unready") return `Continues when at most 3 nodes or 45 % are unready, now ${fleet.unready}.`;
  const { serving, onTheWay } = fleet;
  const nodes = serving.length + onTheWay.length;
  const limit = Math.floor((inputs.targetPressure * (100 + TOLERANCE_PERCENT)) / 100);
  const out = `Scale-out above a mean pressure of ${limit} %, now ${demand.meanPressure} %`;
  const lower = Math.max(inputs.minNodes, nodes - 1);
  return lower < nodes
    ? `${out}; scale-in after 60 minutes of at most ${lower} nodes recommended, now ${demand.recommended}.`
    : `${out}; no scale-in below the minimum of ${inputs.minNodes}.`;
}

const listIds = (nodes: readonly { nodeId: string }[]): string => nodes.map(({ nodeId }) => nodeId).join(", ");
