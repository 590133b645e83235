import { classifyD1Error } from "@prego/core/d1-error";
import type { JobRun } from "@prego/core/job-run";
import { describeError } from "@prego/core/log";
import type { Budget } from "./budget.ts";
import { closeTenant } from "./close-tenant.ts";
import type { Deps } from "./deps.ts";
import { FAILURES_LISTED_MAX, STORAGE_ERRORS_IN_A_ROW_MAX, TENANTS_PER_PAGE } from "./limits.ts";
import { TenantCloseError } from "./plan/inputs.ts";
import { type CycleRun, saveProgress } from "./store/cycle-runs.ts";
import { createPlanBook } from "./store/plan-versions.ts";
import { type BillableTenant, listMissingTenants } from "./store/tenants.ts";
import { findWaitingTenants } from "./store/waiting-objects.ts";

/** What one run did for the tenants of one cycle. */
export interface TenantsReport {
  tenants_closed: number;
  /** Closed by another run meanwhile, or changed while being planned: looked at again by the next run. */
  postponed: number;
  lines: number;
  late_lines: number;
  charges: number;
  failed: number;
  /** The first failures with their reasons. */
  failures: { tenant_id: string; reason: string }[];
  /** True when time or queries ran out before the last tenant. */
  stopped_early: boolean;
}

/**
 * Closes the tenants that are missing, from where the last run stopped to the end and then from the beginning, so that
 * tenants that fail never keep the others from being reached.
 */
export async function closeTenants(
  deps: Deps,
  run: JobRun,
  { cycleRun, budget }: { cycleRun: CycleRun; budget: Budget },
): Promise<TenantsReport> {
  const start = cycleRun.tenantCursor ?? "";
  const waiting =
    cycleRun.storedSeqBound === null ? new Set<string>() : await findWaitingTenants(deps.db, cycleRun.storedSeqBound);
  const walk = { cycleRun, budget, close: createCloser(deps, run, { cycleRun, waiting }) };
  let cursor = await walkTenants(deps, walk, { after: start, upTo: undefined });
  if (cursor === null && start !== "") cursor = await walkTenants(deps, walk, { after: "", upTo: start });
  const report = { ...walk.close.report, stopped_early: cursor !== null };
  await saveProgress(deps.db, cycleRun.cycle, { tenantCursor: cursor, report });
  return report;
}

interface Walk {
  cycleRun: CycleRun;
  budget: Budget;
  close: Closer;
}

/** Returns the tenant after which to carry on, or null when all were looked at. */
async function walkTenants(
  deps: Deps,
  { cycleRun, budget, close }: Walk,
  { after, upTo }: { after: string; upTo: string | undefined },
): Promise<string | null> {
  let last = after;
  for (;;) {
    const page = await listMissingTenants(deps.db, cycleRun, { after: last, limit: TENANTS_PER_PAGE });
    for (const tenant of page) {
      if (upTo !== undefined && tenant.tenantId > upTo) return null;
      if (!budget.take()) return last;
      await close.tenant(tenant);
      last = tenant.tenantId;
    }
    // The cursor grows with every page, so this ends with the last tenant.
    if (page.length < TENANTS_PER_PAGE) return null;
  }
}

interface Closer {
  tenant: (tenant: BillableTenant) => Promise<void>;
  report: Omit<TenantsReport, "stopped_early">;
}

interface Closing {
  cycleRun: CycleRun;
  waiting: ReadonlySet<string>;
}

function createCloser(deps: Deps, run: JobRun, { cycleRun: { cycle, traceId }, waiting }: Closing): Closer {
  const book = createPlanBook(deps.db);
  const report: Closer["report"] = {
    tenants_closed: 0,
    postponed: 0,
    lines: 0,
    late_lines: 0,
    charges: 0,
    failed: 0,
    failures: [],
  };
  let storageErrors = 0;
  const fail = (tenantId: string, error: unknown): void => {
    const isPlanned = error instanceof TenantCloseError;
    const kind = isPlanned ? undefined : classifyD1Error(error);
    storageErrors = kind === "transient" || kind === "overloaded" ? storageErrors + 1 : 0;
    const reason = isPlanned ? error.message : describeError(error);
    report.failed += 1;
    if (report.failures.length < FAILURES_LISTED_MAX) report.failures.push({ tenant_id: tenantId, reason });
    deps.log("error", "cycle.tenant_failed", { cycle, tenant_id: tenantId, reason });
    if (storageErrors >= STORAGE_ERRORS_IN_A_ROW_MAX) throw error;
  };
  const tenant = async (one: BillableTenant): Promise<void> => {
    try {
      if (waiting.has(one.tenantId)) throw new TenantCloseError("objects_pending", cycle);
      const close = { actor: run.actor, cycle, cycleTraceId: traceId, tenant: one, book };
      const { result, plan } = await closeTenant(deps, close);
      storageErrors = 0;
      if (result === "refused") {
        report.postponed += 1;
        return;
      }
      report.tenants_closed += 1;
      report.lines += plan.lines.length;
      report.late_lines += plan.lines.filter((line) => line.correctedCycle !== cycle).length;
      report.charges += plan.charges.length;
    } catch (error) {
      fail(one.tenantId, error);
    }
  };
  return { tenant, report };
}
