import { type Cycle, cycleBounds, formatInstant, parseInstant } from "@prego/core/period";
import type { Database } from "@prego/core/store";
import { sql } from "drizzle-orm";
import { PLAN_CHANGES_MAX } from "../limits.ts";
import type { PlanChange } from "../plan/parts.ts";

interface ChangeRow {
  tenantId: string;
  planId: string;
  effectiveFrom: string;
}

/**
 * What decides the plans of some tenants in a cycle: by tenant the change in force when it began, or the first of all, and
 * every one within it. A tenant without any is not in the answer.
 */
export async function listPlanChanges(
  db: Database,
  tenantIds: readonly string[],
  cycle: Cycle,
): Promise<Map<string, PlanChange[]>> {
  const { startMs, endMs } = cycleBounds(cycle);
  const rows = await db.all<ChangeRow>(sql`WITH first AS (
      SELECT value AS tenant_id, coalesce(
        (SELECT max(effective_from) FROM tenant_plans b WHERE b.tenant_id = value AND b.effective_from <= ${formatInstant(startMs)}),
        (SELECT min(effective_from) FROM tenant_plans a WHERE a.tenant_id = value)) AS at
      FROM json_each(${JSON.stringify(tenantIds)}))
    SELECT p.tenant_id AS tenantId, p.plan_id AS planId, p.effective_from AS effectiveFrom
    FROM first f CROSS JOIN tenant_plans p ON p.tenant_id = f.tenant_id AND p.effective_from >= f.at
      AND p.effective_from < max(f.at || '!', ${formatInstant(endMs)})
    ORDER BY p.tenant_id, p.effective_from, p.ordinal LIMIT CAST(${PLAN_CHANGES_MAX} AS INTEGER)`);
  if (rows.length === PLAN_CHANGES_MAX) throw new RangeError("more changes of plans than are read at once");
  const changes = rows.map(({ effectiveFrom, ...change }) => ({ ...change, atMs: readInstant(effectiveFrom) }));
  return Map.groupBy(changes, ({ tenantId }) => tenantId);
}

function readInstant(text: string): number {
  const ms = parseInstant(text);
  if (ms === undefined) throw new RangeError("a plan begins at something else than an instant");
  return ms;
}
