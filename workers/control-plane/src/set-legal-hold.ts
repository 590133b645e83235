import { isGuardFailure } from "@prego/core/d1-error";
import { ProblemError } from "@prego/core/problem";
import { commit } from "@prego/core/store";
import type { Deps } from "./deps.ts";
import { PLAN_ATTEMPTS_MAX } from "./limits.ts";
import { auditStatements, traceStatements } from "./store/change-set.ts";
import { legalHoldStatements } from "./store/legal-hold.ts";
import { findTenant } from "./store/tenants.ts";

/** What an operator wants; the reason may name people and goes where a purge erases it. */
export interface HoldWish {
  tenantId: string;
  hold: boolean;
  reason: string;
}

/** Sets or lifts a tenant's legal hold with its audit row. A repeat changes nothing. */
export async function setLegalHold(
  deps: Deps,
  { tenantId, hold, reason }: HoldWish,
  by: { actor: string; traceId: string | null },
): Promise<void> {
  for (let attempt = 0; attempt < PLAN_ATTEMPTS_MAX; attempt += 1) {
    const tenant = await findTenant(deps.db, tenantId);
    if (tenant === undefined) throw new ProblemError("not_found");
    if (tenant.status === "Purged") throw new ProblemError("conflict", { detail: "The tenant was purged." });
    if (tenant.legalHold === Number(hold)) return;
    const nowMs = deps.now();
    const action = hold ? "tenant.legal_hold_set" : "tenant.legal_hold_lifted";
    const traceId = by.traceId ?? tenant.traceId;
    const audit = { actor: by.actor, action, target: `tenants_master/${tenantId}`, tenantId, traceId };
    try {
      await commit(deps.db, [
        ...legalHoldStatements(deps.db, { tenantId, hold, nowMs }),
        ...traceStatements(deps, [{ eventType: action, traceId, tenantId }], nowMs),
        ...(await auditStatements(deps, [{ ...audit, detail: { reason } }], nowMs)),
      ]);
      return;
    } catch (error) {
      if (!isGuardFailure(error)) throw error;
    }
  }
  throw new ProblemError("conflict", { detail: "The tenant kept changing; send it again." });
}
