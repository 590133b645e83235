import { HEALTH_HORIZON_WINDOWS, type NodeWindow } from "@prego/core/health-score";
import { formatInstant } from "@prego/core/period";
import {
  nodeMetricsRollups,
  nodes,
  provisionJobs,
  scalingEvents,
  scalingRegions,
  tenantsMaster,
} from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import { and, asc, between, count, desc, eq, gt, gte, inArray, isNotNull, lt, ne, or, sql } from "drizzle-orm";
import type { NodeState, PastEvaluation, ScalingInputs } from "../plan/inputs.ts";
import { EVALUATION_WINDOW_MS, FAILURE_MEMORY_MS, STABILISATION_WINDOWS } from "../plan/policy.ts";

/** Nodes of a region that one evaluation reads: their windows must fit in a row of 2 MB. */
export const NODES_PER_REGION_MAX = 400;
/** Windows that can influence a score: the horizon of smoothing, and two more for the confirmation. */
const WINDOWS_READ = HEALTH_HORIZON_WINDOWS + 2;
const LIVE = ["provisioning", "active", "cordoned", "draining"] as const;

/** A region as one transaction saw it. */
export interface RegionState {
  inputs: ScalingInputs;
  nodeSize: string;
  settingsUpdatedAt: string;
  /** Key of the region's newest evaluation: another one since means that the state is no longer this one. */
  lastEvaluationKey: string | null;
}

/** Key under which an evaluation is stored once. */
export const evaluationKey = (region: string, windowMs: number): string => `${region}/${formatInstant(windowMs)}`;

/** Reads all that a decision depends on in one transaction; undefined when the region is not scaled. */
export async function readRegionState(db: Database, region: string, dueAtMs: number): Promise<RegionState | undefined> {
  const windowMs = Math.floor(dueAtMs / EVALUATION_WINDOW_MS) * EVALUATION_WINDOW_MS;
  const [[settings], nodeRows, rollups, tenantRows, [waiting], past, [last]] = await db.batch([
    db.select().from(scalingRegions).where(eq(scalingRegions.region, region)),
    selectNodes(db, region, dueAtMs),
    selectRollups(db, region, dueAtMs),
    db
      .select({ nodeId: tenantsMaster.nodeId, tenants: count() })
      .from(tenantsMaster)
      .where(and(eq(tenantsMaster.region, region), isNotNull(tenantsMaster.nodeId), ne(tenantsMaster.status, "Purged")))
      .groupBy(tenantsMaster.nodeId),
    db
      .select({ jobs: count() })
      .from(provisionJobs)
      .where(and(eq(provisionJobs.status, "queued_capacity"), eq(provisionJobs.region, region))),
    selectEvaluations(db, region, windowMs),
    db
      .select({ key: scalingEvents.evaluationKey })
      .from(scalingEvents)
      .where(inRegion(region))
      .orderBy(desc(scalingEvents.evaluationKey))
      .limit(1),
  ]);
  if (settings === undefined) return undefined;
  if (nodeRows.length > NODES_PER_REGION_MAX) throw new RangeError(`more than ${NODES_PER_REGION_MAX} nodes`);
  const windows = Map.groupBy(rollups, ({ nodeId }) => nodeId);
  const tenants = new Map(tenantRows.map((row) => [row.nodeId, row.tenants]));
  return {
    inputs: {
      region,
      mode: settings.mode,
      minNodes: settings.minNodes,
      maxNodes: settings.maxNodes,
      targetPressure: settings.targetPressure,
      nodeCapacity: settings.nodeCapacity,
      dueAtMs,
      nodes: nodeRows.map((row) => ({
        nodeId: row.nodeId,
        status: row.status as NodeState["status"],
        capacity: row.capacity,
        tenants: tenants.get(row.nodeId) ?? 0,
        createdAtMs: Date.parse(row.createdAt),
        changedAtMs: Date.parse(row.updatedAt),
        windows: (windows.get(row.nodeId) ?? []).map(toWindow),
      })),
      waitingJobs: waiting?.jobs ?? 0,
      evaluations: past.map(toPastEvaluation),
    },
    nodeSize: settings.nodeSize,
    settingsUpdatedAt: settings.updatedAt,
    lastEvaluationKey: last?.key ?? null,
  };
}

// "/" + 1 is "0": the range holds exactly the keys that begin with the region and a slash.
const inRegion = (region: string) =>
  and(
    eq(scalingEvents.region, region),
    gt(scalingEvents.evaluationKey, `${region}/`),
    lt(scalingEvents.evaluationKey, `${region}0`),
  );

const selectNodes = (db: Database, region: string, dueAtMs: number) =>
  db
    .select()
    .from(nodes)
    .where(
      and(
        eq(nodes.region, region),
        or(
          inArray(nodes.status, [...LIVE]),
          and(eq(nodes.status, "failed"), gte(nodes.updatedAt, formatInstant(dueAtMs - FAILURE_MEMORY_MS))),
        ),
      ),
    )
    .orderBy(asc(nodes.nodeId))
    .limit(NODES_PER_REGION_MAX + 1);

const selectRollups = (db: Database, region: string, dueAtMs: number) =>
  db
    .select({
      nodeId: nodeMetricsRollups.nodeId,
      windowStart: nodeMetricsRollups.windowStart,
      samples: nodeMetricsRollups.samples,
      cpuAvg: nodeMetricsRollups.cpuAvg,
      cpuP95: nodeMetricsRollups.cpuP95,
      memoryAvg: nodeMetricsRollups.memoryAvg,
      memoryP95: nodeMetricsRollups.memoryP95,
      diskAvg: nodeMetricsRollups.diskAvg,
      diskP95: nodeMetricsRollups.diskP95,
      loadAvg: nodeMetricsRollups.loadAvg,
      errorRateAvg: nodeMetricsRollups.errorRateAvg,
      latencyMsP95: nodeMetricsRollups.latencyMsP95,
      tenantCount: nodeMetricsRollups.tenantCount,
    })
    .from(nodeMetricsRollups)
    .innerJoin(nodes, eq(nodes.nodeId, nodeMetricsRollups.nodeId))
    .where(
      and(
        eq(nodes.region, region),
        inArray(nodes.status, [...LIVE]),
        between(
          nodeMetricsRollups.windowStart,
          formatInstant(dueAtMs - WINDOWS_READ * EVALUATION_WINDOW_MS),
          formatInstant(dueAtMs),
        ),
      ),
    )
    .orderBy(asc(nodeMetricsRollups.nodeId), asc(nodeMetricsRollups.windowStart));

const selectEvaluations = (db: Database, region: string, windowMs: number) =>
  db
    .select({
      key: scalingEvents.evaluationKey,
      mode: scalingEvents.mode,
      decision: scalingEvents.decision,
      recommended: sql<number | null>`json_extract(${scalingEvents.scoresJson}, '$.recommended')`,
    })
    .from(scalingEvents)
    .where(
      and(
        eq(scalingEvents.region, region),
        gte(
          scalingEvents.evaluationKey,
          evaluationKey(region, windowMs - STABILISATION_WINDOWS * EVALUATION_WINDOW_MS),
        ),
        lt(scalingEvents.evaluationKey, evaluationKey(region, windowMs)),
      ),
    )
    .orderBy(asc(scalingEvents.evaluationKey));

type RollupRow = Awaited<ReturnType<typeof selectRollups>>[number];

function toWindow(row: RollupRow): NodeWindow {
  const { windowStart, latencyMsP95, nodeId: _nodeId, ...figures } = row;
  return { windowStartMs: Date.parse(windowStart), latencyP95Ms: latencyMsP95, ...figures };
}

function toPastEvaluation(row: Awaited<ReturnType<typeof selectEvaluations>>[number]): PastEvaluation {
  return {
    windowMs: Date.parse(row.key.slice(row.key.lastIndexOf("/") + 1)),
    recommended: row.recommended,
    acted: row.mode === "active" && row.decision !== "none" && row.decision !== "halted",
  };
}
