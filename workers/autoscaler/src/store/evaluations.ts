import type { AuditEntry } from "@prego/core/audit";
import { formatInstant } from "@prego/core/period";
import { dispatches, nodes, scalingEvents, scalingRegions } from "@prego/core/schema";
import {
  appendAudit,
  appendTrace,
  commit,
  type Database,
  requireChanged,
  requireTrue,
  type Statement,
  type TraceEvent,
} from "@prego/core/store";
import { and, asc, eq, sql } from "drizzle-orm";
import { evaluationKey, readRegionState, type RegionState } from "./region-state.ts";

/** Regions of one run: at 10 to 20 queries each, below D1's 1,000 queries an invocation. */
const REGIONS_MAX = 40;

export type StoredEvaluation = typeof scalingEvents.$inferSelect;

/** A node to order. */
export interface NodeOrder {
  nodeId: string;
  dispatchId: string;
}

/** A guarded change of a node's status. */
export interface StatusChange {
  nodeId: string;
  from: "provisioning" | "active";
  to: "failed" | "cordoned" | "draining";
  reason: string;
}

/** An evaluation and what it changes: one transaction. */
export interface EvaluationRecord {
  event: StoredEvaluation;
  /** State that it was decided from; the batch fails as a guard when it is no longer so. */
  basis: RegionState;
  orders: readonly NodeOrder[];
  changes: readonly StatusChange[];
  audits: readonly AuditEntry[];
  traces: readonly TraceEvent[];
  nowMs: number;
}

export interface EvaluationStore {
  listRegions: () => Promise<string[]>;
  findEvaluation: (region: string, windowMs: number) => Promise<StoredEvaluation | undefined>;
  readRegionState: (region: string, dueAtMs: number) => Promise<RegionState | undefined>;
  /** A second evaluation of one window fails as a constraint or a guard. */
  record: (record: EvaluationRecord) => Promise<void>;
}

export const createEvaluationStore = (db: Database): EvaluationStore => ({
  listRegions: async () => {
    const rows = await db
      .select({ region: scalingRegions.region })
      .from(scalingRegions)
      .orderBy(asc(scalingRegions.region))
      .limit(REGIONS_MAX);
    return rows.map(({ region }) => region);
  },
  findEvaluation: async (region, windowMs) => {
    const [event] = await db
      .select()
      .from(scalingEvents)
      .where(eq(scalingEvents.evaluationKey, evaluationKey(region, windowMs)));
    return event;
  },
  readRegionState: (region, dueAtMs) => readRegionState(db, region, dueAtMs),
  record: async (record) => {
    await commit(db, [
      ...requireBasis(record.basis),
      db.insert(scalingEvents).values(record.event),
      ...record.orders.flatMap((order) => orderNode(db, order, record)),
      ...record.changes.flatMap((change) => changeStatus(db, change, record.nowMs)),
      ...appendAudit(record.audits),
      ...appendTrace(record.traces),
    ]);
  },
});

function requireBasis({ inputs, settingsUpdatedAt, lastEvaluationKey }: RegionState): Statement[] {
  const { region, mode } = inputs;
  return [
    requireTrue(
      sql`(SELECT max(evaluation_key) FROM scaling_events WHERE region = ${region}
        AND evaluation_key > ${`${region}/`} AND evaluation_key < ${`${region}0`}) IS ${lastEvaluationKey}`,
    ),
    requireTrue(
      sql`EXISTS (SELECT 1 FROM scaling_regions
        WHERE region = ${region} AND mode = ${mode} AND updated_at = ${settingsUpdatedAt})`,
    ),
  ];
}

function orderNode(db: Database, { nodeId, dispatchId }: NodeOrder, { event, basis, nowMs }: EvaluationRecord) {
  const now = formatInstant(nowMs);
  const { region, nodeCapacity } = basis.inputs;
  return [
    db.insert(nodes).values({
      nodeId,
      region,
      // Known when the node registers: the workflow chooses the provider.
      provider: "unassigned",
      size: basis.nodeSize,
      capacity: nodeCapacity,
      status: "provisioning",
      statusReason: `ordered by ${event.id}`,
      createdAt: now,
      updatedAt: now,
    }),
    db.insert(dispatches).values({
      dispatchId,
      purpose: "scale_out",
      subjectId: nodeId,
      inputsJson: JSON.stringify({
        kind: "scale_out",
        node_id: nodeId,
        region,
        size: basis.nodeSize,
        capacity: String(nodeCapacity),
        trace_id: event.traceId,
      }),
      status: "pending",
      nextAttemptAt: now,
      traceId: event.traceId,
      createdAt: now,
      updatedAt: now,
    }),
  ];
}

function changeStatus(db: Database, { nodeId, from, to, reason }: StatusChange, nowMs: number): Statement[] {
  return [
    db
      .update(nodes)
      .set({ status: to, statusReason: reason, updatedAt: formatInstant(nowMs) })
      .where(and(eq(nodes.nodeId, nodeId), eq(nodes.status, from))),
    requireChanged(),
  ];
}
