import type { Cycle } from "@prego/core/period";
import type { Database } from "@prego/core/store";
import type { PlanHistory } from "./plan/parts.ts";
import type { PlanBook } from "./store/plan-versions.ts";
import { listPlanChanges } from "./store/tenant-plans.ts";
import type { BillableTenant } from "./store/tenants.ts";

type PlannedTenant = Pick<BillableTenant, "tenantId" | "planId">;

/** The history of one of the tenants that were read. @throws TenantCloseError when a plan is missing. */
export type PlanHistories = (tenant: PlannedTenant) => Promise<PlanHistory>;

/** What decides which plan version tenants have when in a cycle. A tenant without a history always had the plan it has. */
export async function readPlanHistories(
  db: Database,
  book: PlanBook,
  { tenants, cycle }: { tenants: readonly PlannedTenant[]; cycle: Cycle },
): Promise<PlanHistories> {
  const ids = tenants.map(({ tenantId }) => tenantId);
  const known = await listPlanChanges(db, ids, cycle);
  return async ({ tenantId, planId }) => {
    const changes = known.get(tenantId) ?? [{ planId, atMs: 0 }];
    const versions: PlanHistory["versions"] = new Map(
      await Promise.all(changes.map(async (change) => [change.planId, await book.versionsOf(change.planId)] as const)),
    );
    return { changes, versions };
  };
}
