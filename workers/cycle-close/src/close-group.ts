import type { Budget } from "./budget.ts";
import { type Closing, planCommit } from "./close-tenant.ts";
import type { Deps } from "./deps.ts";
import { askedAt, gatherGroup } from "./gather-inputs.ts";
import { LINES_PER_BATCH } from "./limits.ts";
import { TenantCloseError } from "./plan/inputs.ts";
import type { PlanBook } from "./store/plan-versions.ts";
import { commitTenantCloses, type TenantCommit } from "./store/tenant-close.ts";
import type { BillableTenant } from "./store/tenants.ts";

/** Told what became of tenants. */
export interface CloseResults {
  closed: (closes: readonly TenantCommit[]) => void;
  /** Closed by another run meanwhile, or changed while being planned. */
  postponed: (tenants: readonly BillableTenant[]) => void;
  failed: (tenant: BillableTenant, error: unknown) => void;
}

/** What closing a group works with. */
export interface GroupClosing extends Closing {
  book: PlanBook;
  budget: Budget;
  results: CloseResults;
}

/**
 * Closes tenants together: each kind of input is read once for all, and one batch holds all of them, each whole. What cannot
 * be done together is done in halves, so that a failure ends as the failure of one tenant and the others close.
 */
export async function closeGroup(deps: Deps, closing: GroupClosing, tenants: readonly BillableTenant[]): Promise<void> {
  const { budget, results } = closing;
  let failure: { error: unknown } | undefined;
  try {
    if (await closeAtOnce(deps, closing, tenants)) return;
  } catch (error) {
    failure = { error };
  }
  const [first, second] = tenants;
  if (first === undefined) return;
  if (second === undefined && failure !== undefined) return results.failed(first, failure.error);
  if (second === undefined || budget.isExhausted()) return results.postponed(tenants);
  const middle = tenants.length >> 1;
  await closeGroup(deps, closing, tenants.slice(0, middle));
  await closeGroup(deps, closing, tenants.slice(middle));
}

/** False when nothing was written: they are too many for one batch, or one of them is not as it was read. */
async function closeAtOnce(deps: Deps, closing: GroupClosing, tenants: readonly BillableTenant[]): Promise<boolean> {
  const { cycle, book, results } = closing;
  const gathered = await gatherGroup(deps.db, book, { tenants, cycle, ...askedAt(deps) });
  if (gathered === undefined) return false;
  const closes: TenantCommit[] = [];
  const failures: [BillableTenant, TenantCloseError][] = [];
  for (const one of gathered) {
    try {
      closes.push(await planCommit(deps, closing, one));
    } catch (error) {
      if (!(error instanceof TenantCloseError)) throw error;
      failures.push([one.tenant, error]);
    }
  }
  const lines = closes.reduce((sum, { plan }) => sum + plan.lines.length, 0);
  if (closes.length > 1 && lines > LINES_PER_BATCH) return false;
  if (closes.length > 0 && (await commitTenantCloses(deps.db, closes, { cycle, nowMs: deps.now() })) === "refused") {
    return false;
  }
  results.closed(closes);
  for (const [tenant, error] of failures) results.failed(tenant, error);
  return true;
}
