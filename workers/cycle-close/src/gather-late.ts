import { type Cycle, hourStartMs } from "@prego/core/period";
import type { Database } from "@prego/core/store";
import { parseUsageObjectKey } from "@prego/core/usage-object";
import { readPlanHistories } from "./find-parts.ts";
import { type PartInputs, TenantCloseError, type TenantCloseInputs } from "./plan/inputs.ts";
import { type LinePart, nameParts, startHours } from "./plan/line-part.ts";
import { findInForce, splitCycle } from "./plan/parts.ts";
import { type ClosedLine, listLinesAbout, type TenantCycle } from "./store/cycle-totals.ts";
import type { PlanBook } from "./store/plan-versions.ts";
import { type BillableTenant, listOpenCloses } from "./store/tenants.ts";
import { combineLateRows, type LateRow, listLateRows } from "./store/usage.ts";

/** Late usage of one tenant with what was billed of the cycles it corrects. */
export interface TenantLate {
  rows: readonly LateRow[];
  lines: readonly ClosedLine[];
  /** Cycles of it that the tenant's own close has not reached yet. */
  open: readonly Cycle[];
}

/** Undefined when it is too much for one reading. */
export async function gatherLate(
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

/**
 * Late usage of a tenant in the parts of the cycles it corrects, and what they have been billed so far.
 * @throws TenantCloseError when such a cycle is still open for the tenant.
 */
export async function buildLate(
  db: Database,
  book: PlanBook,
  { tenant, late }: { tenant: BillableTenant; late: TenantLate },
): Promise<Pick<TenantCloseInputs, "late" | "stored" | "earlierParts">> {
  const [firstOpen] = late.open.toSorted();
  if (firstOpen !== undefined) throw new TenantCloseError("earlier_cycle_open", firstOpen);
  const parts = new Map<Cycle, LinePart[]>();
  const earlierParts = new Map<Cycle, PartInputs[]>();
  for (const cycle of new Set(late.rows.map((row) => row.correctedCycle))) {
    const about = late.lines.filter((line) => line.correctedCycle === cycle);
    const [first] = about;
    const wasClosed = about.some((line) => line.cycle === cycle);
    if (!wasClosed) earlierParts.set(cycle, await planParts(db, book, { tenant, cycle, first }));
    const named = earlierParts.get(cycle)?.map(({ part }) => part);
    parts.set(cycle, named ?? nameParts(cycle, first?.snapshot.part?.starts ?? []));
  }
  const stored = late.lines.map(({ quantity, ...line }) => ({ ...line, qty: quantity }));
  const combined = await combineLateRows(late.rows, (row) => findPart(row, parts.get(row.correctedCycle) ?? []));
  return { late: combined, stored, earlierParts };
}

/** Parts of a cycle that was never closed for the tenant: those of the first line about it, so that they never move. */
async function planParts(
  db: Database,
  book: PlanBook,
  about: { tenant: BillableTenant; cycle: Cycle; first: ClosedLine | undefined },
): Promise<PartInputs[]> {
  const { cycle, first } = about;
  const histories = await readPlanHistories(db, book, { tenants: [about.tenant], cycle });
  const history = await histories(about.tenant);
  const split = splitCycle(cycle, history);
  const hours = first === undefined ? startHours(split) : (first.snapshot.part?.starts ?? [`${cycle}-01T00`]);
  const names = nameParts(cycle, hours);
  return Promise.all(
    hours.map(async (hour, index) => {
      const startMs = hourStartMs(hour);
      const { planId, version } = split.find((part) => part.startMs === startMs) ?? findInForce(history, startMs);
      return { part: names[index], plan: await book.version(planId, version), usage: [] };
    }),
  );
}

/** The part in which the object's hour lies; the object's key names the hour of all its events. */
function findPart({ r2Key }: LateRow, parts: readonly LinePart[]): LinePart {
  const [only] = parts;
  if (only === undefined) return undefined;
  const hour = parseUsageObjectKey(r2Key)?.hour;
  const found = parts.find((part) => part !== undefined && hour !== undefined && part.from <= hour && hour < part.to);
  if (found === undefined) throw new TenantCloseError("rollup_incomplete", r2Key);
  return found;
}
