import { type NodeScore, scoreNode } from "@prego/core/health-score";
import type { NodeState, ScalingInputs } from "./inputs.ts";
import {
  CORDON_STEP_MAX,
  FAIL_STEP_MAX,
  FAILURE_MEMORY_MS,
  READY_WITHIN_MS,
  UNREADY_NODES_MAX,
  UNREADY_PERCENT_MAX,
} from "./policy.ts";

export interface AssessedNode extends NodeState {
  score: NodeScore;
  /** Percent of the scarcest resource; an unheard node counts as one at the target, never as idle. */
  pressure: number;
}

/** The region's nodes by what they are to the decision. */
export interface Fleet {
  /** Active ones that stay so. */
  serving: AssessedNode[];
  /** Their tenants need another home: cordoned, draining, and those to be cordoned now. */
  leaving: AssessedNode[];
  onTheWay: AssessedNode[];
  /** Ordered and never heard of: to be given up now. */
  overdue: AssessedNode[];
  /** Sick: to be cordoned now. */
  sick: AssessedNode[];
  /** Given up lately and not followed by a node that came up. */
  failures: NodeState[];
  unready: number;
  halted: boolean;
  all: AssessedNode[];
}

export function assessFleet(inputs: ScalingInputs): Fleet {
  const { dueAtMs } = inputs;
  const all = inputs.nodes.map((node) => assessNode(node, inputs));
  const withStatus = (status: NodeState["status"]) => all.filter((node) => node.status === status);
  const active = withStatus("active");
  const overdue = withStatus("provisioning")
    .filter(({ createdAtMs }) => dueAtMs - createdAtMs >= READY_WITHIN_MS)
    .toSorted((left, right) => left.createdAtMs - right.createdAtMs || compareText(left.nodeId, right.nodeId))
    .slice(0, FAIL_STEP_MAX);
  const sick = active
    .filter(({ score }) => score.band === "unhealthy")
    .toSorted((left, right) => healthOf(left) - healthOf(right) || compareText(left.nodeId, right.nodeId))
    .slice(0, CORDON_STEP_MAX);
  const watched = [...active, ...withStatus("cordoned")];
  const unready = watched.filter(({ score }) => score.band === "unhealthy" || score.health === "UNKNOWN").length;
  const cameUpMs = Math.max(-Infinity, ...active.map(({ createdAtMs }) => createdAtMs));
  return {
    serving: active.filter((node) => !sick.includes(node)),
    leaving: [...sick, ...withStatus("cordoned"), ...withStatus("draining")],
    onTheWay: withStatus("provisioning").filter((node) => !overdue.includes(node)),
    overdue,
    sick,
    failures: withStatus("failed").filter(
      ({ createdAtMs, changedAtMs }) => createdAtMs > cameUpMs && dueAtMs - changedAtMs < FAILURE_MEMORY_MS,
    ),
    unready,
    halted: unready > UNREADY_NODES_MAX && unready * 100 > UNREADY_PERCENT_MAX * watched.length,
    all,
  };
}

function assessNode(node: NodeState, { dueAtMs, targetPressure }: ScalingInputs): AssessedNode {
  const score = scoreNode(node.windows, dueAtMs, node.capacity);
  const slots = node.capacity > 0 ? Math.round((100 * node.tenants) / node.capacity) : node.tenants > 0 ? 100 : 0;
  return { ...node, score, pressure: Math.max(score.pressure ?? targetPressure, slots) };
}

const healthOf = ({ score }: AssessedNode): number => (score.health === "UNKNOWN" ? 0 : score.health);

/** Order of ids, by code unit. */
export const compareText = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
