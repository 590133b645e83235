import type { AuditEntry } from "@prego/core/audit";
import type { JobRun } from "@prego/core/job-run";
import { formatInstant } from "@prego/core/period";
import type { TraceEvent } from "@prego/core/store";
import type { Deps } from "./deps.ts";
import { deriveOrderId } from "./domain/node-id.ts";
import type { ScalingDecision, ScalingEffect } from "./plan/decision.ts";
import type { EvaluationRecord, NodeOrder, StatusChange } from "./store/evaluations.ts";
import { evaluationKey, type RegionState } from "./store/region-state.ts";

/** A decision and the state it was taken from. */
export interface Evaluation {
  state: RegionState;
  decision: ScalingDecision;
  windowMs: number;
}

const STATUS_CHANGES = {
  fail_node: { from: "provisioning", to: "failed" },
  cordon_node: { from: "active", to: "cordoned" },
  drain_node: { from: "active", to: "draining" },
} as const;

/** Turns a decision into rows. Only an `active` region acts; every other one gets the event alone. */
export async function prepareEvaluation(deps: Deps, run: JobRun, evaluation: Evaluation): Promise<EvaluationRecord> {
  const { state, decision, windowMs } = evaluation;
  const { region, mode } = state.inputs;
  const nowMs = deps.now();
  const event = {
    id: deps.newId("scl"),
    ts: formatInstant(nowMs),
    region,
    decision: decision.decision,
    mode,
    bindingRule: decision.bindingRule,
    explanation: decision.explanation,
    distanceToAction: decision.distanceToAction,
    inputsJson: JSON.stringify(state.inputs),
    scoresJson: JSON.stringify({
      recommended: decision.recommended,
      effects: decision.effects,
      nodes: decision.verdicts,
    }),
    evaluationKey: evaluationKey(region, windowMs),
    runId: run.runId,
    traceId: decision.effects.length > 0 ? deps.newTraceId() : null,
  };
  const effects = mode === "active" ? decision.effects : [];
  const orders = await Promise.all(
    effects.flatMap((effect) =>
      effect.kind === "create_node" ? [orderOf({ region, windowMs, index: effect.index })] : [],
    ),
  );
  const changes = effects.flatMap((effect) => changeOf(effect, decision.bindingRule) ?? []);
  const traceId = event.traceId;
  const steps = [
    ...orders.map(({ nodeId }) => ({ nodeId, step: "ordered", detail: { from: null, to: "provisioning" } })),
    ...changes.map(({ nodeId, from, to }) => ({ nodeId, step: to as string, detail: { from, to } })),
  ];
  const audits: AuditEntry[] = await Promise.all(
    steps.map(({ nodeId, step, detail }) =>
      deps.audit({
        actor: run.actor,
        action: `scale.node_${step}`,
        target: `nodes/${nodeId}`,
        traceId,
        detail: { region, scaling_event: event.id, binding_rule: event.bindingRule, ...detail },
      }),
    ),
  );
  const decided = {
    eventType: "scale.decided",
    message: event.explanation,
    payload: { region, scaling_event: event.id },
  };
  const traces: TraceEvent[] = [
    decided,
    ...steps.map(({ nodeId, step }) => ({ eventType: `scale.node_${step}`, payload: { region, node_id: nodeId } })),
  ].map((trace) => ({ id: deps.newId("trc"), nowMs, traceId, source: "autoscaler", ...trace }));
  return { event, basis: state, orders, changes, audits, traces, nowMs };
}

async function orderOf(key: { region: string; windowMs: number; index: number }): Promise<NodeOrder> {
  return { nodeId: await deriveOrderId("node", key), dispatchId: await deriveOrderId("dsp", key) };
}

function changeOf(effect: ScalingEffect, reason: string): StatusChange | undefined {
  return effect.kind === "create_node" ? undefined : { nodeId: effect.nodeId, ...STATUS_CHANGES[effect.kind], reason };
}
