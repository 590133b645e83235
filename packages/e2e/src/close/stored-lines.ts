import { formatQuantity } from "@prego/core/quantity";

/** A line as preview and dry run print it. */
export interface PrintedLine {
  meter_key: string;
  cycle: string;
  corrected_cycle: string;
  quantity: string;
  included: string;
  overage: string;
  amount_minor: string;
  currency: string;
  plan_snapshot: unknown;
  rollup_digest: string;
}

/** A row of `usage_cycle_totals`, every column as text. */
export type StoredLine = Record<
  | "tenant_id"
  | "meter_key"
  | "cycle"
  | "corrected_cycle"
  | "qty"
  | "included"
  | "overage"
  | "amount_minor"
  | "currency"
  | "snapshot"
  | "digest",
  string
>;

/** The lines of a cycle in the order in which they are printed. */
export async function readTotals(database: D1Database, cycle: string): Promise<StoredLine[]> {
  const { results } = await database
    .prepare(
      `SELECT tenant_id, meter_key, cycle, corrected_cycle, CAST(qty AS TEXT) AS qty, CAST(included AS TEXT) AS included,
        CAST(overage AS TEXT) AS overage, CAST(amount_minor AS TEXT) AS amount_minor, currency,
        plan_snapshot_json AS snapshot, rollup_digest AS digest
      FROM usage_cycle_totals WHERE cycle = ? ORDER BY tenant_id, corrected_cycle <> cycle, corrected_cycle, meter_key`,
    )
    .bind(cycle)
    .all<StoredLine>();
  return results;
}

/** The line as the preview prints it. */
export const printStored = (line: StoredLine): PrintedLine => ({
  meter_key: line.meter_key,
  cycle: line.cycle,
  corrected_cycle: line.corrected_cycle,
  quantity: formatQuantity(BigInt(line.qty)),
  included: formatQuantity(BigInt(line.included)),
  overage: formatQuantity(BigInt(line.overage)),
  amount_minor: line.amount_minor,
  currency: line.currency,
  plan_snapshot: JSON.parse(line.snapshot),
  rollup_digest: line.digest,
});
