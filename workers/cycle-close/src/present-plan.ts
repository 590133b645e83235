import { formatAmount } from "@prego/core/money";
import type { Cycle } from "@prego/core/period";
import { formatQuantity } from "@prego/core/quantity";
import { chargeModeOf } from "./plan/charge-mode.ts";
import type { CloseLine } from "./plan/close-line.ts";
import type { AmountReason, LineSnapshot } from "./plan/snapshot.ts";
import type { IdentifiedCharge } from "./store/outbox.ts";

/** A line on the wire; quantities and amounts are decimal text, because JSON numbers lose digits. */
export interface LineView {
  meter_key: string;
  cycle: Cycle;
  corrected_cycle: Cycle;
  /** Hours `[from, to)` of the corrected cycle that the line is about; null for the whole cycle. */
  part: { from: string; to: string } | null;
  quantity: string;
  included: string;
  overage: string;
  amount_minor: string;
  currency: string;
  /** The same for people, such as `12.34 eur`. */
  amount: string;
  /** How its charge goes, whatever the plan says; null when the meter has no price. */
  charge_mode: LineSnapshot["billing_mode"] | null;
  /** Why it does not go as the plan says; null when it does. */
  charge_mode_reason: AmountReason | null;
  plan_snapshot: LineSnapshot;
  rollup_digest: string;
}

/** A charge on the wire. */
export interface ChargeView {
  meter_key: string;
  corrected_cycle: Cycle;
  /** First hour of the part; null for the whole cycle. */
  part: string | null;
  mode: "meter_event" | "invoice_item";
  identifier: string;
  payload: Record<string, unknown>;
}

/** One line as preview, dry run and explanation print it, whether planned or closed. */
export const presentLine = (line: CloseLine): LineView => ({
  meter_key: line.meterKey,
  cycle: line.cycle,
  corrected_cycle: line.correctedCycle,
  part: line.snapshot.part === undefined ? null : { from: line.snapshot.part.from, to: line.snapshot.part.to },
  quantity: formatQuantity(line.quantity),
  included: formatQuantity(line.included),
  overage: formatQuantity(line.overage),
  amount_minor: line.amountMinor.toString(),
  currency: line.currency,
  amount: formatAmount(line.amountMinor, line.currency),
  charge_mode: line.snapshot.price === null ? null : chargeModeOf(line.snapshot),
  charge_mode_reason: line.snapshot.amount_reason ?? null,
  plan_snapshot: line.snapshot,
  rollup_digest: line.digest,
});

export const presentCharge = ({
  meterKey,
  correctedCycle,
  part,
  mode,
  identifier,
  payload,
}: IdentifiedCharge): ChargeView => ({
  meter_key: meterKey,
  corrected_cycle: correctedCycle,
  part: part === "" ? null : part,
  mode,
  identifier,
  payload: { ...payload },
});

/** Sums per currency; a tenant whose plan changed its currency has late lines in the old one. */
export function sumAmounts(lines: readonly CloseLine[]): { currency: string; amount_minor: string; amount: string }[] {
  const sums = new Map<string, bigint>();
  for (const { currency, amountMinor } of lines) sums.set(currency, (sums.get(currency) ?? 0n) + amountMinor);
  return [...sums].map(([currency, sum]) => ({
    currency,
    amount_minor: sum.toString(),
    amount: formatAmount(sum, currency),
  }));
}
