import type { Cycle } from "@prego/core/period";
import type { Database } from "@prego/core/store";
import { type PlanVersion, TenantCloseError, type TenantCloseInputs } from "./plan/inputs.ts";
import { type ClosedLine, listLinesAbout, type TenantCycle } from "./store/cycle-totals.ts";
import type { PlanBook } from "./store/plan-versions.ts";
import { type BillableTenant, listOpenCloses } from "./store/tenants.ts";
import { combineLateRows, type LateRow, listLateRows, readUsage, type TenantUsage } from "./store/usage.ts";

/** What a tenant's close is planned from, and what its batch checks and marks. */
export interface GatheredTenant {
  tenant: BillableTenant;
  /** @throws TenantCloseError when something it needs is not there. */
  inputs: () => Promise<TenantCloseInputs>;
  lateRows: readonly LateRow[];
  usageMark: string;
}

/**
 * Reads everything that decides what tenants owe for a cycle, in one query of each kind; undefined when several tenants have
 * too much to be read at once. Preview, dry run and close all plan from it.
 */
export async function gatherGroup(
  db: Database,
  book: PlanBook,
  { tenants, cycle }: { tenants: readonly BillableTenant[]; cycle: Cycle },
): Promise<GatheredTenant[] | undefined> {
  const ids = tenants.map(({ tenantId }) => tenantId);
  const usage = await readUsage(db, ids, cycle);
  const late = usage === undefined ? undefined : await gatherLate(db, tenants, cycle);
  const [only, second] = tenants;
  if (usage === undefined || late === undefined) {
    return only === undefined || second !== undefined ? undefined : [refuseTenant(only)];
  }
  return tenants.map((tenant) => {
    const own = usage.get(tenant.tenantId) ?? { usage: [], mark: "" };
    const ownLate = late(tenant.tenantId);
    const inputs = () => buildInputs(book, { tenant, cycle, own, late: ownLate });
    return { tenant, inputs, lateRows: ownLate.rows, usageMark: own.mark };
  });
}

/** A tenant that alone has more than is read at once. */
const refuseTenant = (tenant: BillableTenant): GatheredTenant => ({
  tenant,
  inputs: () => Promise.reject(new TenantCloseError("too_many_meters", tenant.tenantId)),
  lateRows: [],
  usageMark: "",
});

/**
 * The inputs of one tenant.
 * @throws TenantCloseError when something it needs is not there.
 */
export async function gatherTenant(
  db: Database,
  book: PlanBook,
  { tenant, cycle }: { tenant: BillableTenant; cycle: Cycle },
): Promise<TenantCloseInputs> {
  const [gathered] = (await gatherGroup(db, book, { tenants: [tenant], cycle })) ?? [];
  if (gathered === undefined) throw new TenantCloseError("too_many_meters", tenant.tenantId);
  return gathered.inputs();
}

/** Late usage of one tenant with what was billed of the cycles it corrects. */
interface TenantLate {
  rows: readonly LateRow[];
  lines: readonly ClosedLine[];
  /** Cycles of it that the tenant's own close has not reached yet. */
  open: readonly Cycle[];
}

/** Undefined when it is too much for one reading. */
async function gatherLate(
  db: Database,
  tenants: readonly BillableTenant[],
  cycle: Cycle,
): Promise<((tenantId: string) => TenantLate) | undefined> {
  const ids = tenants.flatMap(({ tenantId, hasLate }) => (hasLate ? [tenantId] : []));
  const rows = ids.length === 0 ? [] : await listLateRows(db, ids, cycle);
  if (rows === undefined) return undefined;
  const corrected = [...new Map(rows.map((row) => [`${row.tenantId} ${row.correctedCycle}`, pairOf(row)])).values()];
  const lines = corrected.length === 0 ? [] : await listLinesAbout(db, corrected);
  if (lines === undefined) return undefined;
  const billed = new Set(lines.map((line) => `${line.tenantId} ${line.correctedCycle}`));
  const unbilled = corrected.filter((pair) => !billed.has(`${pair.tenantId} ${pair.cycle}`));
  const open = unbilled.length === 0 ? [] : await listOpenCloses(db, unbilled);
  const byTenant = <T extends { tenantId: string }>(values: readonly T[]) =>
    Map.groupBy(values, ({ tenantId }) => tenantId);
  const [ownRows, ownLines, ownOpen] = [byTenant(rows), byTenant(lines), byTenant(open)];
  return (tenantId) => ({
    rows: ownRows.get(tenantId) ?? [],
    lines: ownLines.get(tenantId) ?? [],
    open: ownOpen.get(tenantId)?.map((pair) => pair.cycle) ?? [],
  });
}

const pairOf = ({ tenantId, correctedCycle }: LateRow): TenantCycle => ({ tenantId, cycle: correctedCycle });

async function buildInputs(
  book: PlanBook,
  of: { tenant: BillableTenant; cycle: Cycle; own: TenantUsage; late: TenantLate },
): Promise<TenantCloseInputs> {
  const { tenant, cycle, own, late } = of;
  const { tenantId, planId, stripeCustomerId } = tenant;
  const plan = await book.planFor(planId, cycle);
  const meters = await book.meters();
  const [firstOpen] = late.open.toSorted();
  if (firstOpen !== undefined) throw new TenantCloseError("earlier_cycle_open", firstOpen);
  const billed = new Set(late.lines.map((line) => line.correctedCycle));
  const earlierPlans = new Map<Cycle, PlanVersion>();
  for (const { correctedCycle: earlier } of late.rows) {
    if (billed.has(earlier) || earlierPlans.has(earlier)) continue;
    earlierPlans.set(earlier, await book.planFor(planId, earlier));
  }
  const stored = late.lines.map(({ quantity, ...line }) => ({ ...line, qty: quantity }));
  const combined = await combineLateRows(late.rows);
  return {
    tenantId,
    stripeCustomerId,
    cycle,
    plan,
    meters,
    usage: own.usage,
    late: combined,
    stored,
    earlierPlans,
  };
}
