import type { JobRun } from "@prego/core/job-run";
import type { Deps } from "./deps.ts";
import { hasRoom } from "./carry-on.ts";
import { deriveKeyedNames } from "./domain/keyed-names.ts";
import { deleteKeys, listTenantKeys } from "./store/objects.ts";
import { findJourneyTraceId } from "./store/candidates.ts";
import { eraseLateRows, listRecentlyPurged } from "./store/sweep.ts";
import { countResidue } from "./store/tenant-rows.ts";

/**
 * Looks again at tenants purged within the last days: a webhook that Stripe repeated or a buffer that was flushed late may have
 * written after the last look. What is found is erased, counted and audited.
 */
export async function sweepPurged(
  deps: Deps,
  run: JobRun,
  work: { purgeKey: string; report: { swept: number; stopped_early: boolean } },
): Promise<void> {
  for (const tenantId of await listRecentlyPurged(deps.storage, deps.now())) {
    if (!hasRoom(deps, run)) {
      work.report.stopped_early = true;
      return;
    }
    const { pseudonym } = await deriveKeyedNames(work.purgeKey, tenantId);
    const journeyTraceId = await findJourneyTraceId(deps.storage, tenantId);
    const scope = { tenantId, pseudonym, journeyTraceId };
    const keys = await listTenantKeys(deps.storage, tenantId);
    const rows = Object.values(await countResidue(deps.storage, scope)).reduce((sum, count) => sum + count, 0);
    if (keys.length + rows === 0) continue;
    if (keys.length > 0) await deleteKeys(deps.storage, keys);
    const audit = await deps.audit({
      actor: run.actor,
      action: "purge.late_data_erased",
      target: `tenants_master/${tenantId}#rows=${rows};objects=${keys.length}`,
    });
    if (await eraseLateRows(deps.storage, scope, [audit])) work.report.swept += rows + keys.length;
  }
}
