import { type Cycle, cycleBounds } from "@prego/core/period";
import { listDueCycles } from "./close-cycles.ts";
import { identifyCharges } from "./close-tenant.ts";
import type { Deps } from "./deps.ts";
import { askedAt, gatherGroup } from "./gather-inputs.ts";
import { CYCLES_OPENED_PER_RUN_MAX, DRY_RUN_TENANTS_MAX } from "./limits.ts";
import { planTenantClose, type TenantClosePlan } from "./plan.ts";
import { TenantCloseError } from "./plan/inputs.ts";
import { presentCharge, presentLine, sumAmounts } from "./present-plan.ts";
import { countObjects, type CycleRun, listOpenRuns } from "./store/cycle-runs.ts";
import { countPendingRows } from "./store/health.ts";
import { createPlanBook } from "./store/plan-versions.ts";
import { type BillableTenant, listMissingTenants } from "./store/tenants.ts";

type PlannedRun = Pick<CycleRun, "cycle" | "boundedAt" | "storedSeqBound"> & {
  status: CycleRun["status"] | "unopened";
};

/** Prints what a run would do now: for every cycle its state and the lines of the tenants that are missing. */
export async function planDryRun(deps: Deps, dueAtMs: number) {
  const open = await listOpenRuns(deps.db, CYCLES_OPENED_PER_RUN_MAX);
  const due = await listDueCycles(deps, dueAtMs);
  const unopened = due.map((cycle) => ({ cycle, boundedAt: null, storedSeqBound: null, status: "unopened" as const }));
  const cycles = [];
  for (const run of [...open, ...unopened]) cycles.push(await planCycle(deps, run, dueAtMs));
  const failed = cycles.reduce((sum, cycle) => sum + cycle.failures.length, 0);
  return { dry_run: true, failed, cycles, outbox: { pending: await countPendingRows(deps.db) } };
}

async function planCycle(deps: Deps, run: PlannedRun, dueAtMs: number) {
  const objects = await countObjects(deps.db, run);
  const hasTenants = run.status !== "sending" && run.status !== "closed";
  const page = { after: "", limit: DRY_RUN_TENANTS_MAX + 1 };
  const missing = hasTenants ? await listMissingTenants(deps.db, run, page) : [];
  const { tenants, failures } = await planTenants(deps, run.cycle, missing.slice(0, DRY_RUN_TENANTS_MAX));
  return {
    cycle: run.cycle,
    status: run.status,
    in_grace: run.boundedAt === null && dueAtMs < cycleBounds(run.cycle).endMs + deps.graceMs,
    pending_objects: objects.pending,
    quarantined_objects: objects.quarantined,
    tenants,
    failures,
    truncated: missing.length > DRY_RUN_TENANTS_MAX,
  };
}

/** Plans tenants in groups that are read together, as the close does. */
async function planTenants(deps: Deps, cycle: Cycle, missing: readonly BillableTenant[]) {
  const book = createPlanBook(deps.db);
  const tenants = [];
  const failures: { tenant_id: string; reason: string }[] = [];
  const groups: (readonly BillableTenant[])[] = [missing];
  for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
    const gathered = await gatherGroup(deps.db, book, { tenants: group, cycle, ...askedAt(deps) });
    if (gathered === undefined) {
      const middle = group.length >> 1;
      groups.push(group.slice(middle), group.slice(0, middle));
      continue;
    }
    for (const { tenant, inputs } of gathered) {
      try {
        tenants.push(await presentTenant(planTenantClose(await inputs())));
      } catch (error) {
        if (!(error instanceof TenantCloseError)) throw error;
        failures.push({ tenant_id: tenant.tenantId, reason: error.message });
      }
    }
  }
  return { tenants, failures };
}

const presentTenant = async (plan: TenantClosePlan) => ({
  tenant_id: plan.tenantId,
  lines: plan.lines.map(presentLine),
  charges: (await identifyCharges(plan)).map(presentCharge),
  amounts: sumAmounts(plan.lines),
});
