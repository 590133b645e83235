import type { BindingRule } from "./decision.ts";
import { type Demand, freeSlots } from "./demand.ts";
import { type AssessedNode, compareText, type Fleet } from "./fleet.ts";
import type { ScalingInputs } from "./inputs.ts";
import { EVALUATION_WINDOW_MS, SCALE_IN_COOLDOWN_MS, STABILISATION_WINDOWS } from "./policy.ts";

export interface Shrink {
  rule: BindingRule;
  /** The node to drain; absent when a rule holds it back. */
  victim?: AssessedNode;
}

/** Whether one node may go, asked only when none is missing; the first rule against it decides. */
export function planShrink(inputs: ScalingInputs, fleet: Fleet, demand: Demand): Shrink {
  const { serving, leaving, onTheWay } = fleet;
  if (onTheWay.length > 0) return { rule: "nodes_on_their_way" };
  if (demand.recommended >= serving.length) return { rule: "within_target" };
  if ([...serving, ...leaving].some(({ score }) => score.health === "UNKNOWN")) return { rule: "unknown_nodes" };
  if (leaving.some(({ status }) => status === "draining")) return { rule: "drain_under_way" };
  const windowMs = Math.floor(inputs.dueAtMs / EVALUATION_WINDOW_MS) * EVALUATION_WINDOW_MS;
  const isCooling = inputs.evaluations.some((past) => past.acted && windowMs - past.windowMs < SCALE_IN_COOLDOWN_MS);
  if (isCooling) return { rule: "cooldown" };
  if (highestRecommendation(inputs, windowMs) >= serving.length) return { rule: "stabilisation" };
  const [victim, ...rest] = serving.toSorted(byEaseOfDrain);
  const room = rest.reduce((sum, node) => sum + freeSlots(node), 0);
  const carried = rest.length * inputs.targetPressure;
  if (victim === undefined || room < victim.tenants + inputs.waitingJobs || demand.load > carried) {
    return { rule: "drain_does_not_fit" };
  }
  return { rule: "surplus", victim };
}

/** Of the last 60 minutes; a window that was not evaluated could have asked for any number. */
function highestRecommendation({ evaluations }: ScalingInputs, windowMs: number): number {
  const wanted = Array.from({ length: STABILISATION_WINDOWS }, (_, index) => {
    const past = evaluations.find((one) => one.windowMs === windowMs - (index + 1) * EVALUATION_WINDOW_MS);
    return past?.recommended ?? Infinity;
  });
  return Math.max(...wanted);
}

function byEaseOfDrain(left: AssessedNode, right: AssessedNode): number {
  return (
    left.tenants - right.tenants ||
    left.pressure - right.pressure ||
    right.createdAtMs - left.createdAtMs ||
    compareText(left.nodeId, right.nodeId)
  );
}
