import type { Cycle } from "@prego/core/period";
import { exact, usageCycleTotals } from "@prego/core/schema";
import type { Database } from "@prego/core/store";
import { asc, sql, type SQL } from "drizzle-orm";
import { STORED_LINES_MAX } from "../limits.ts";
import type { CloseLine } from "../plan/close-line.ts";
import { TenantCloseError } from "../plan/inputs.ts";
import { partKey } from "../plan/line-part.ts";
import { LineSnapshot } from "../plan/snapshot.ts";
import { jsonArrays } from "./json-arrays.ts";

/** A line as it was closed. */
export interface ClosedLine extends CloseLine {
  closedAt: string;
}

const COLUMNS = {
  tenantId: usageCycleTotals.tenantId,
  meterKey: usageCycleTotals.meterKey,
  cycle: usageCycleTotals.cycle,
  correctedCycle: usageCycleTotals.correctedCycle,
  quantity: exact(usageCycleTotals.qty),
  included: exact(usageCycleTotals.included),
  overage: exact(usageCycleTotals.overage),
  amountMinor: exact(usageCycleTotals.amountMinor),
  currency: usageCycleTotals.currency,
  snapshotJson: usageCycleTotals.planSnapshotJson,
  digest: usageCycleTotals.rollupDigest,
  closedAt: usageCycleTotals.closedAt,
};

/** The lines that the close of a cycle wrote for a tenant, its own first. */
export const listClosedLines = (db: Database, tenantId: string, cycle: Cycle): Promise<ClosedLine[]> =>
  readLines(db, sql`${usageCycleTotals.tenantId} = ${tenantId} AND ${usageCycleTotals.cycle} = ${cycle}`);

/** Whose line is about which cycle. */
export interface TenantCycle {
  tenantId: string;
  cycle: Cycle;
}

/** All lines about some tenants' cycles, whichever close wrote them; undefined when they are too many to be read at once. */
export async function listLinesAbout(
  db: Database,
  about: readonly TenantCycle[],
): Promise<(ClosedLine & { tenantId: string })[] | undefined> {
  const pairs = JSON.stringify(about.map(({ tenantId, cycle }) => [tenantId, cycle]));
  const lines = await readLines(
    db,
    sql`(${usageCycleTotals.tenantId}, ${usageCycleTotals.correctedCycle}) IN
      (SELECT value ->> 0, value ->> 1 FROM json_each(${pairs}))`,
    STORED_LINES_MAX + 1,
  );
  return lines.length > STORED_LINES_MAX ? undefined : lines;
}

async function readLines(
  db: Database,
  where: SQL,
  limit = STORED_LINES_MAX,
): Promise<(ClosedLine & { tenantId: string })[]> {
  const rows = await db
    .select(COLUMNS)
    .from(usageCycleTotals)
    .where(where)
    .orderBy(
      sql`${usageCycleTotals.correctedCycle} <> ${usageCycleTotals.cycle}`,
      asc(usageCycleTotals.correctedCycle),
      asc(usageCycleTotals.part),
      asc(usageCycleTotals.meterKey),
    )
    .limit(limit);
  return rows.map(({ snapshotJson, ...row }) => {
    const snapshot = LineSnapshot.safeParse(JSON.parse(snapshotJson));
    if (!snapshot.success) throw new TenantCloseError("snapshot_invalid", `${row.meterKey} ${row.correctedCycle}`);
    return { ...row, snapshot: snapshot.data };
  });
}

/** Statements that insert lines; a line that exists aborts the batch. */
export function insertLines(lines: readonly { tenantId: string; line: CloseLine }[], closedAt: string): SQL[] {
  const rows = lines.map(({ tenantId, line }) => ({
    tenant_id: tenantId,
    meter_key: line.meterKey,
    cycle: line.cycle,
    corrected_cycle: line.correctedCycle,
    part: partKey(line.snapshot.part),
    qty: line.quantity.toString(),
    included: line.included.toString(),
    overage: line.overage.toString(),
    amount_minor: line.amountMinor.toString(),
    currency: line.currency,
    plan_snapshot_json: JSON.stringify(line.snapshot),
    rollup_digest: line.digest,
  }));
  return jsonArrays(rows).map(
    (
      json,
    ) => sql`INSERT INTO usage_cycle_totals (tenant_id, meter_key, cycle, corrected_cycle, part, qty, included, overage,
      amount_minor, currency, plan_snapshot_json, rollup_digest, closed_at)
    SELECT value ->> 'tenant_id', value ->> 'meter_key', value ->> 'cycle', value ->> 'corrected_cycle', value ->> 'part',
      CAST(value ->> 'qty' AS INTEGER), CAST(value ->> 'included' AS INTEGER), CAST(value ->> 'overage' AS INTEGER),
      CAST(value ->> 'amount_minor' AS INTEGER), value ->> 'currency', value ->> 'plan_snapshot_json',
      value ->> 'rollup_digest', ${closedAt}
    FROM json_each(${json})`,
  );
}
