import { countStores } from "./begin.ts";
import type { Deps } from "./deps.ts";
import { planPurge } from "./plan.ts";
import type { PurgePreview } from "./report.ts";
import { countTenants, listCandidates } from "./store/candidates.ts";
import { listRunning } from "./store/purge-runs.ts";

/** Plans as the real run would and reads the counts; writes nothing and takes no lease. */
export async function previewPurge(deps: Deps, dueAtMs: number): Promise<PurgePreview> {
  const plan = planPurge({
    candidates: await listCandidates(deps.storage),
    tenantCount: await countTenants(deps.storage),
    dueAtMs,
  });
  const plans: PurgePreview["plans"] = [];
  for (const { tenantId, purgeAfter } of plan.start) {
    plans.push({ tenant_id: tenantId, purge_after: purgeAfter, stores: await countStores(deps, tenantId) });
  }
  return {
    dry_run: true,
    cap: plan.cap,
    beyond_cap: plan.beyondCap,
    refused: plan.refused,
    continuing: (await listRunning(deps.storage)).map((purge) => purge.purgeId),
    plans,
  };
}
