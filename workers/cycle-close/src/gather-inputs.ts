import { type Cycle, cycleBounds } from "@prego/core/period";
import type { Database } from "@prego/core/store";
import type { Deps } from "./deps.ts";
import { type AskedAt, findLivePlan } from "./find-live-plan.ts";
import { readPlanHistories, type PlanHistories } from "./find-parts.ts";
import { buildLate, gatherLate, type TenantLate } from "./gather-late.ts";
import { type PartInputs, TenantCloseError, type TenantCloseInputs } from "./plan/inputs.ts";
import { nameParts, startHours } from "./plan/line-part.ts";
import { type CyclePart, splitCycle } from "./plan/parts.ts";
import type { PlanBook } from "./store/plan-versions.ts";
import type { BillableTenant } from "./store/tenants.ts";
import { type LateRow, readUsage, type TenantUsage } from "./store/usage.ts";

/** What a tenant's close is planned from, and what its batch checks and marks. */
export interface GatheredTenant {
  tenant: BillableTenant;
  /** @throws TenantCloseError when something it needs is not there. */
  inputs: () => Promise<TenantCloseInputs>;
  lateRows: readonly LateRow[];
  usageMark: string;
}

interface Group extends AskedAt {
  tenants: readonly BillableTenant[];
  cycle: Cycle;
}

/** When it is asked what Stripe can still price. */
export const askedAt = ({ now, invoiceGraceMs }: Pick<Deps, "now" | "invoiceGraceMs">): AskedAt => ({
  nowMs: now(),
  invoiceGraceMs,
});

/**
 * Reads everything that decides what tenants owe for a cycle, in one query of each kind; undefined when several tenants have
 * too much to be read at once. Preview, dry run and close all plan from it.
 */
export async function gatherGroup(
  db: Database,
  book: PlanBook,
  { tenants, cycle, ...asked }: Group,
): Promise<GatheredTenant[] | undefined> {
  const histories = await readPlanHistories(db, book, { tenants, cycle });
  const splits = await splitAll(histories, { tenants, cycle });
  const wanted = [...splits].flatMap(([tenantId, parts]) => (parts instanceof Error ? [] : [{ tenantId, parts }]));
  const usage = await readUsage(db, wanted);
  const late = usage === undefined ? undefined : await gatherLate(db, tenants, cycle);
  const [only, second] = tenants;
  if (usage === undefined || late === undefined) {
    return only === undefined || second !== undefined ? undefined : [refuseTenant(only)];
  }
  return tenants.map((tenant) => {
    const own = usage.get(tenant.tenantId) ?? { usage: [], mark: "" };
    const ownLate = late(tenant.tenantId);
    const split = splits.get(tenant.tenantId) ?? [];
    const inputs = () => buildInputs(db, book, { tenant, cycle, asked, split, own, late: ownLate });
    return { tenant, inputs, lateRows: ownLate.rows, usageMark: own.mark };
  });
}

/** The parts of each tenant's cycle, or why they cannot be said: the others go on. */
async function splitAll(
  histories: PlanHistories,
  { tenants, cycle }: Omit<Group, keyof AskedAt>,
): Promise<Map<string, CyclePart[] | TenantCloseError>> {
  const splits = new Map<string, CyclePart[] | TenantCloseError>();
  for (const tenant of tenants) {
    try {
      splits.set(tenant.tenantId, splitCycle(cycle, await histories(tenant)));
    } catch (error) {
      if (!(error instanceof TenantCloseError)) throw error;
      splits.set(tenant.tenantId, error);
    }
  }
  return splits;
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
  { tenant, ...at }: AskedAt & { tenant: BillableTenant; cycle: Cycle },
): Promise<TenantCloseInputs> {
  const [gathered] = (await gatherGroup(db, book, { tenants: [tenant], ...at })) ?? [];
  if (gathered === undefined) throw new TenantCloseError("too_many_meters", tenant.tenantId);
  return gathered.inputs();
}

async function buildInputs(
  db: Database,
  book: PlanBook,
  of: {
    tenant: BillableTenant;
    cycle: Cycle;
    asked: AskedAt;
    split: CyclePart[] | TenantCloseError;
    own: TenantUsage;
    late: TenantLate;
  },
): Promise<TenantCloseInputs> {
  const { tenant, cycle, asked, split, own, late } = of;
  if (split instanceof Error) throw split;
  const { tenantId, stripeCustomerId } = tenant;
  const names = nameParts(cycle, startHours(split));
  const parts: PartInputs[] = [];
  for (const [index, { planId, version }] of split.entries()) {
    parts.push({ part: names[index], plan: await book.version(planId, version), usage: own.usage[index] ?? [] });
  }
  // A preview inside the month asks for what will be in force when the month can be closed.
  const inForceAtMs = Math.max(asked.nowMs, cycleBounds(cycle).endMs);
  const live = await findLivePlan(book, tenant, { ...asked, inForceAtMs });
  const meters = await book.meters();
  return { tenantId, stripeCustomerId, live, cycle, parts, meters, ...(await buildLate(db, book, { tenant, late })) };
}
