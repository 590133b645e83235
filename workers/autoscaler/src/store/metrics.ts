import type { AuditEntry } from "@prego/core/audit";
import { formatInstant } from "@prego/core/period";
import { dispatches, nodeMetricsRollups, nodes } from "@prego/core/schema";
import {
  appendAudit,
  appendTrace,
  commit,
  type Database,
  requireChanged,
  type Statement,
  type TraceEvent,
} from "@prego/core/store";
import { and, eq, inArray, isNull, lt, or } from "drizzle-orm";
import type { RollupChange } from "../domain/rollup.ts";

export interface ReportingNode {
  nodeId: string;
  region: string;
  status: (typeof nodes.$inferSelect)["status"];
  lastSeenAt: string | null;
  /** Of the decision that ordered the node. */
  traceId: string | null;
}

/** What one report changes; the batch fails as a guard when a window or the node changed in between. */
export interface MetricsChange {
  nodeId: string;
  changes: readonly RollupChange[];
  seenAtMs: number;
  nowMs: number;
  /** Set for a node that comes up with this report. */
  activation: { audit: AuditEntry; trace: TraceEvent } | undefined;
}

export interface MetricsStore {
  findNode: (nodeId: string) => Promise<ReportingNode | undefined>;
  /** `samples_json` by window start. */
  readSamples: (nodeId: string, windowsMs: readonly number[]) => Promise<Map<number, string>>;
  save: (change: MetricsChange) => Promise<void>;
}

export const createMetricsStore = (db: Database): MetricsStore => ({
  findNode: async (nodeId) => {
    const [node] = await db
      .select({
        nodeId: nodes.nodeId,
        region: nodes.region,
        status: nodes.status,
        lastSeenAt: nodes.lastSeenAt,
        traceId: dispatches.traceId,
      })
      .from(nodes)
      .leftJoin(dispatches, and(eq(dispatches.purpose, "scale_out"), eq(dispatches.subjectId, nodes.nodeId)))
      .where(eq(nodes.nodeId, nodeId));
    return node;
  },
  readSamples: async (nodeId, windowsMs) => {
    const rows = await db
      .select({ windowStart: nodeMetricsRollups.windowStart, samplesJson: nodeMetricsRollups.samplesJson })
      .from(nodeMetricsRollups)
      .where(
        and(
          eq(nodeMetricsRollups.nodeId, nodeId),
          inArray(nodeMetricsRollups.windowStart, windowsMs.map(formatInstant)),
        ),
      );
    return new Map(rows.map(({ windowStart, samplesJson }) => [Date.parse(windowStart), samplesJson]));
  },
  save: async (change) => {
    await commit(db, [
      ...change.changes.flatMap((one) => writeRollup(db, one, change)),
      ...activateNode(db, change),
      moveLastSeen(db, change),
    ]);
  },
});

function writeRollup(
  db: Database,
  { rollup, previousJson }: RollupChange,
  { nodeId, nowMs }: MetricsChange,
): Statement[] {
  const { figures } = rollup;
  const content = {
    samples: rollup.samples,
    samplesJson: rollup.samplesJson,
    // A window that says nothing of these three has 0 samples and is read as missed, never as idle.
    cpuAvg: figures.cpu.avg ?? 0,
    cpuP95: figures.cpu.p95 ?? 0,
    memoryAvg: figures.memory.avg ?? 0,
    memoryP95: figures.memory.p95 ?? 0,
    diskAvg: figures.disk.avg ?? 0,
    diskP95: figures.disk.p95 ?? 0,
    loadAvg: figures.load.avg,
    loadP95: figures.load.p95,
    errorRateAvg: figures.error_rate.avg,
    errorRateP95: figures.error_rate.p95,
    latencyMsAvg: figures.latency_ms.avg,
    latencyMsP95: figures.latency_ms.p95,
    tenantCount: rollup.tenantCount,
    updatedAt: formatInstant(nowMs),
  };
  const windowStart = formatInstant(rollup.windowMs);
  if (previousJson === undefined) {
    return [
      db
        .insert(nodeMetricsRollups)
        .values({ nodeId, windowStart, ...content })
        .onConflictDoNothing(),
      requireChanged(),
    ];
  }
  return [
    db
      .update(nodeMetricsRollups)
      .set(content)
      .where(
        and(
          eq(nodeMetricsRollups.nodeId, nodeId),
          eq(nodeMetricsRollups.windowStart, windowStart),
          eq(nodeMetricsRollups.samplesJson, previousJson),
        ),
      ),
    requireChanged(),
  ];
}

function activateNode(db: Database, { nodeId, nowMs, activation }: MetricsChange): Statement[] {
  if (activation === undefined) return [];
  return [
    db
      .update(nodes)
      .set({ status: "active", statusReason: "first metrics", updatedAt: formatInstant(nowMs) })
      .where(and(eq(nodes.nodeId, nodeId), eq(nodes.status, "provisioning"))),
    requireChanged(),
    ...appendAudit([activation.audit]),
    ...appendTrace([activation.trace]),
  ];
}

function moveLastSeen(db: Database, { nodeId, seenAtMs }: MetricsChange): Statement {
  const seenAt = formatInstant(seenAtMs);
  return db
    .update(nodes)
    .set({ lastSeenAt: seenAt })
    .where(and(eq(nodes.nodeId, nodeId), or(isNull(nodes.lastSeenAt), lt(nodes.lastSeenAt, seenAt))));
}
