import { classifyD1Error } from "@prego/core/d1-error";
import type { JobRun } from "@prego/core/job-run";
import { describeError } from "@prego/core/log";
import type { Cycle } from "@prego/core/period";
import type { Budget } from "./budget.ts";
import { closeGroup, type CloseResults } from "./close-group.ts";
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
  /** Closed by another run meanwhile, changed while being planned, or not reached: looked at again by the next run. */
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
  const { cycle, traceId, storedSeqBound } = cycleRun;
  const start = cycleRun.tenantCursor ?? "";
  const waiting = storedSeqBound === null ? new Set<string>() : await findWaitingTenants(deps.db, storedSeqBound);
  const { report, ...results } = createReport(deps, cycle);
  const book = createPlanBook(deps.db);
  const closing = { actor: run.actor, cycle, cycleTraceId: traceId, book, budget, results };
  const close = async (tenants: readonly BillableTenant[]): Promise<void> => {
    const ready = tenants.filter(({ tenantId }) => !waiting.has(tenantId));
    for (const tenant of tenants) {
      if (waiting.has(tenant.tenantId)) results.failed(tenant, new TenantCloseError("objects_pending", cycle));
    }
    await closeGroup(deps, closing, ready);
  };
  const walk = { cycleRun, budget, close };
  let cursor = await walkTenants(deps, walk, { after: start, upTo: undefined });
  if (cursor === null && start !== "") cursor = await walkTenants(deps, walk, { after: "", upTo: start });
  const ended = { ...report, stopped_early: cursor !== null };
  await saveProgress(deps.db, cycle, { tenantCursor: cursor, report: ended });
  return ended;
}

interface Walk {
  cycleRun: CycleRun;
  budget: Budget;
  close: (tenants: readonly BillableTenant[]) => Promise<void>;
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
    const wanted = page.filter(({ tenantId }) => upTo === undefined || tenantId <= upTo);
    for (let from = 0; from < wanted.length;) {
      if (!budget.take()) return last;
      // A run that comes too late still closes one.
      const group = wanted.slice(from, budget.isExhausted() ? from + 1 : wanted.length);
      await close(group);
      from += group.length;
      last = group.at(-1)?.tenantId ?? last;
    }
    // The cursor grows with every page, so this ends with the last tenant.
    if (wanted.length < TENANTS_PER_PAGE) return null;
  }
}

function createReport(
  { log }: Pick<Deps, "log">,
  cycle: Cycle,
): CloseResults & { report: Omit<TenantsReport, "stopped_early"> } {
  const report: Omit<TenantsReport, "stopped_early"> = {
    tenants_closed: 0,
    postponed: 0,
    lines: 0,
    late_lines: 0,
    charges: 0,
    failed: 0,
    failures: [],
  };
  let storageErrors = 0;
  return {
    report,
    closed: (closes) => {
      storageErrors = 0;
      for (const { plan } of closes) {
        report.tenants_closed += 1;
        report.lines += plan.lines.length;
        report.late_lines += plan.lines.filter((line) => line.correctedCycle !== cycle).length;
        report.charges += plan.charges.length;
      }
    },
    postponed: (tenants) => {
      storageErrors = 0;
      report.postponed += tenants.length;
    },
    failed: ({ tenantId }, error) => {
      const isPlanned = error instanceof TenantCloseError;
      const kind = isPlanned ? undefined : classifyD1Error(error);
      storageErrors = kind === "transient" || kind === "overloaded" ? storageErrors + 1 : 0;
      const reason = isPlanned ? error.message : describeError(error);
      report.failed += 1;
      if (report.failures.length < FAILURES_LISTED_MAX) report.failures.push({ tenant_id: tenantId, reason });
      log("error", "cycle.tenant_failed", { cycle, tenant_id: tenantId, reason });
      if (storageErrors >= STORAGE_ERRORS_IN_A_ROW_MAX) throw error;
    },
  };
}
