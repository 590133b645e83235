import { isGuardFailure } from "@prego/core/d1-error";
import { formatInstant } from "@prego/core/period";
import { ProblemError } from "@prego/core/problem";
import type { Deps } from "./deps.ts";
import type { MetricsSample } from "./domain/metrics-sample.ts";
import { planRollups, windowOf } from "./domain/rollup.ts";
import type { MetricsChange, ReportingNode } from "./store/metrics.ts";

/** Attempts at one report: every round of a race has a winner, and a node has few reports under way. */
const WRITE_ATTEMPTS_MAX = 12;

export interface MetricsReceipt {
  accepted: number;
  duplicates: number;
}

export interface NodeReport {
  nodeId: string;
  samples: readonly MetricsSample[];
  /** Of the request; a node that comes up keeps the trace of the decision that ordered it. */
  traceId: string | null;
}

/** Rolls a node's samples up. Repeating a report, or several at once, loses nothing and counts nothing twice. */
export async function recordMetrics(deps: Deps, report: NodeReport): Promise<MetricsReceipt> {
  const { nodeId, samples } = report;
  const windowsMs = [...new Set(samples.map(windowOf))];
  for (let attempt = 1; attempt <= WRITE_ATTEMPTS_MAX; attempt += 1) {
    const node = await deps.metrics.findNode(nodeId);
    if (node === undefined || node.status === "retired") throw new ProblemError("not_found");
    const plan = planRollups(samples, await deps.metrics.readSamples(nodeId, windowsMs));
    const nowMs = deps.now();
    const seenAtMs = Math.min(nowMs, Math.max(...samples.map(({ tsMs }) => tsMs)));
    const activation = node.status === "provisioning" ? await activate(deps, node, report) : undefined;
    const receipt = { accepted: plan.accepted, duplicates: plan.duplicates };
    const isSeen = node.lastSeenAt !== null && node.lastSeenAt >= formatInstant(seenAtMs);
    if (plan.changes.length === 0 && activation === undefined && isSeen) return receipt;
    try {
      await deps.metrics.save({ nodeId, changes: plan.changes, seenAtMs, nowMs, activation });
      return receipt;
    } catch (error) {
      if (!isGuardFailure(error)) throw error;
    }
  }
  throw new ProblemError("unavailable", { headers: { "retry-after": "1" } });
}

async function activate(deps: Deps, node: ReportingNode, report: NodeReport): Promise<MetricsChange["activation"]> {
  const { nodeId, region } = node;
  const traceId = node.traceId ?? report.traceId;
  return {
    audit: await deps.audit({
      actor: `node:${nodeId}`,
      action: "scale.node_active",
      target: `nodes/${nodeId}`,
      traceId,
      detail: { region, from: "provisioning", to: "active" },
    }),
    trace: {
      id: deps.newId("trc"),
      nowMs: deps.now(),
      traceId,
      source: "autoscaler",
      eventType: "scale.node_active",
      payload: { node_id: nodeId, region },
    },
  };
}
