import { and, eq, sql, type SQL } from "drizzle-orm";
import { formatInstant } from "@prego/core/period";
import { nodes } from "@prego/core/schema";
import { requireChanged, type Database, type Statement } from "@prego/core/store";
import type { NodeClaim, NodeRow } from "../domain/node-registration.ts";
import type { NodeRoom } from "../domain/placement.ts";
import { PLACEMENT_NODES_MAX } from "../limits.ts";

/** Active nodes of a region with the tenants that hold a slot on them: running, being made, or not yet removed. */
export const listNodeRoom = (db: Database, region: string): Promise<NodeRoom[]> => db.all(selectNodeRoom(region));

/** The query of {@link listNodeRoom}; the region may be one that the database looks up. */
export const selectNodeRoom = (region: string | SQL): SQL<NodeRoom> => sql`
    SELECT n.node_id AS "nodeId", n.capacity AS capacity,
      (SELECT count(*) FROM tenants_master t WHERE t.node_id = n.node_id) AS placed
    FROM nodes n WHERE n.region = ${region} AND n.status = 'active'
    ORDER BY n.node_id LIMIT ${sql.raw(String(PLACEMENT_NODES_MAX))}`;

export async function findNode(db: Database, nodeId: string): Promise<NodeRow | undefined> {
  return (await db.select().from(nodes).where(eq(nodes.nodeId, nodeId)))[0];
}

export function createNodeStatement(db: Database, claim: NodeClaim, nowMs: number): Statement {
  const now = formatInstant(nowMs);
  return db.insert(nodes).values({ ...claim, status: "active", createdAt: now, updatedAt: now });
}

export function activateNodeStatements(db: Database, { nodeId, ...claim }: NodeClaim, nowMs: number): Statement[] {
  return [
    db
      .update(nodes)
      .set({ ...claim, status: "active", updatedAt: formatInstant(nowMs) })
      .where(and(eq(nodes.nodeId, nodeId), eq(nodes.status, "provisioning"))),
    requireChanged(),
  ];
}
