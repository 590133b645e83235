import { asAmount, type ExpectedLine, partOf } from "./expected-charges.ts";
import { fault, type Verdict } from "./fault-plan.ts";
import type { ChargeRow, Ends } from "./stored-end.ts";
import type { World } from "./world.ts";

/** What may be rejected: a meter event past its age, and what Stripe answered 404 to. */
export const REFUSED = /^timestamp_too_far_in_past|\(404\)/;
/** `2026-11-05T07`. */
const HOUR_LENGTH = 13;

/**
 * Compares what Stripe holds, and what the outbox says of it, with what is owed. Charges of one customer, meter and part cannot be
 * told apart by Stripe's side alone, so they are compared as a heap of values.
 */
export function compareCharges(verdict: Verdict, ends: Ends): void {
  const held = readHeld(ends.world);
  const owed = Map.groupBy(
    ends.lines.filter(({ charge }) => charge !== 0n),
    heapOf,
  );
  for (const name of new Set([...held.keys(), ...owed.keys()])) {
    const rest = [...(held.get(name) ?? [])];
    const missing: ExpectedLine[] = [];
    for (const line of owed.get(name) ?? []) {
      const at = rest.indexOf(line.charge);
      if (at === -1) missing.push(line);
      else rest.splice(at, 1);
      if (!ends.purged.has(line.tenantId)) checkRow(verdict, ends, { line, isHeld: at !== -1 });
    }
    // A value in place of another is a wrong one; a value too many is a double, one too few is lost.
    const swapped = Math.min(rest.length, missing.length);
    for (let pair = 0; pair < swapped; pair += 1) fault(verdict, "wrong", `${name}: ${rest[pair]} at Stripe`);
    for (const value of rest.slice(swapped)) fault(verdict, "doubled", `${name}: ${value} at Stripe once more`);
    for (const line of missing.slice(swapped)) countMissing(verdict, ends, line);
  }
}

/**
 * What Stripe was to price may be told as an amount in place of the meter event, for a reason that it names: in a schedule because
 * subscriptions end and pause, and in a close that is carried on after 36 days because Stripe takes no event that old.
 */
export function followAmounts(lines: readonly ExpectedLine[], world: World, reasons: RegExp): ExpectedLine[] {
  const held = readHeld(world, ({ amount_reason: reason = "" }) => reasons.test(reason));
  return lines.map((line) => {
    const amount = asAmount(line);
    const values = held.get(heapOf(amount)) ?? [];
    const at = values.indexOf(amount.charge);
    if (at === -1 || line.sentAs === "invoice_item") return line;
    values.splice(at, 1);
    return amount;
  });
}

function countMissing(verdict: Verdict, { end, purged }: Ends, line: ExpectedLine): void {
  const isRejected = rowsOf(end.charges, line).some(
    ({ status, error }) => status === "rejected" && REFUSED.test(error ?? ""),
  );
  if (isRejected) verdict.rejected += 1;
  else if (purged.has(line.tenantId)) verdict.purged += 1;
  else fault(verdict, "lost", `${heapOf(line)}: ${line.charge} of ${line.correctedCycle} is not at Stripe`);
}

/** A charge has one row, and the row says what is so. */
function checkRow(verdict: Verdict, { end }: Ends, { line, isHeld }: { line: ExpectedLine; isHeld: boolean }): void {
  const rows = rowsOf(end.charges, line);
  const states = rows.map(({ status }) => status).join(", ");
  const isRight = isHeld ? states === "sent" : states === "rejected";
  if (isRight) return;
  fault(verdict, "wrong", `${heapOf(line)} of ${line.correctedCycle}: outbox says ${states || "nothing"}`);
}

const rowsOf = (rows: readonly ChargeRow[], line: ExpectedLine): ChargeRow[] =>
  rows.filter(
    (row) =>
      row.tenantId === line.tenantId &&
      row.meterKey === line.meterKey &&
      row.correctedCycle === line.correctedCycle &&
      row.part === partOf(line) &&
      (row.cycle !== row.correctedCycle) === line.isLate,
  );

/** Items name the time they are for; events of a customer's meter are one heap. */
const heapOf = (line: ExpectedLine): string =>
  line.sentAs === "meter_event"
    ? `event ${line.customer} ${line.eventName}`
    : `item ${line.customer} ${line.meterKey} ${line.from}`;

function readHeld(
  { emulator: { state } }: World,
  isWanted: (metadata: Record<string, string>) => boolean = () => true,
): Map<string, bigint[]> {
  const held = new Map<string, bigint[]>();
  const add = (name: string, value: bigint): void => void held.set(name, [...(held.get(name) ?? []), value]);
  for (const { customer, event_name: eventName, value, is_counted: isCounted } of state.meterEvents) {
    if (isCounted) add(`event ${customer} ${eventName}`, BigInt(value));
  }
  for (const { customer, metadata, period, amount } of state.invoiceItems.values()) {
    if (!isWanted(metadata)) continue;
    const from = new Date(period.start * 1_000).toISOString().slice(0, HOUR_LENGTH);
    add(`item ${customer} ${metadata["meter_key"]} ${from}`, BigInt(amount));
  }
  return held;
}
