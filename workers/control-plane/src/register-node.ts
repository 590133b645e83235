import { nodeToken } from "@prego/core/auth";
import { isConstraintFailure, isGuardFailure } from "@prego/core/d1-error";
import { ProblemError } from "@prego/core/problem";
import { commit } from "@prego/core/store";
import type { Deps } from "./deps.ts";
import { planNodeRegistration, type NodeClaim } from "./domain/node-registration.ts";
import { PLAN_ATTEMPTS_MAX } from "./limits.ts";
import { auditStatements, traceStatements } from "./store/change-set.ts";
import { activateNodeStatements, createNodeStatement, findNode } from "./store/nodes.ts";

/** Answer to a registration; the token is good for this node's metrics only. */
export interface NodeAnswer {
  node_id: string;
  status: string;
  node_token: string;
}

/** Makes or activates a node. A repeat changes nothing and hands the token out again. */
export async function registerNode(
  deps: Deps,
  claim: NodeClaim,
  by: { actor: string; traceId: string | null },
): Promise<NodeAnswer> {
  const { nodeTokenSecret } = deps.settings;
  if (nodeTokenSecret === undefined) {
    throw new ProblemError("not_configured", { detail: "The secret of node tokens is not configured." });
  }
  const status = await settleNode(deps, claim, by);
  return { node_id: claim.nodeId, status, node_token: await nodeToken(nodeTokenSecret, claim.nodeId) };
}

async function settleNode(
  deps: Deps,
  claim: NodeClaim,
  by: { actor: string; traceId: string | null },
): Promise<string> {
  for (let attempt = 0; attempt < PLAN_ATTEMPTS_MAX; attempt += 1) {
    const known = await findNode(deps.db, claim.nodeId);
    const plan = planNodeRegistration(known, claim);
    if (plan.kind === "conflict") throw new ProblemError("conflict", { detail: plan.reason });
    if (plan.kind === "done") return known?.status ?? "active";
    const nowMs = deps.now();
    const { nodeId, ...detail } = claim;
    const eventType = plan.kind === "create" ? "node.registered" : "node.activated";
    const audit = { ...by, action: eventType, target: `nodes/${nodeId}`, detail };
    try {
      await commit(deps.db, [
        ...(plan.kind === "create"
          ? [createNodeStatement(deps.db, claim, nowMs)]
          : activateNodeStatements(deps.db, claim, nowMs)),
        ...traceStatements(deps, [{ eventType, traceId: by.traceId, payload: { node_id: nodeId } }], nowMs),
        ...(await auditStatements(deps, [audit], nowMs)),
      ]);
      return "active";
    } catch (error) {
      if (!isGuardFailure(error) && !isConstraintFailure(error)) throw error;
    }
  }
  throw new ProblemError("conflict", { detail: "The node kept changing; register it again." });
}
