import { openDatabase } from "@prego/core/store";
import { readHealth } from "@prego/cycle-close/store/health";
import { type ExpectedLine, expectLines } from "./expected-charges.ts";
import type { FindingKind, Verdict } from "./fault-plan.ts";
import { CYCLES } from "./fleet.ts";
import type { World } from "./world.ts";

interface TotalRow {
  tenantId: string;
  meterKey: string;
  cycle: string;
  correctedCycle: string;
  qty: string;
  overage: string;
  amountMinor: string;
}

interface OutboxRow {
  tenantId: string;
  meterKey: string;
  cycle: string;
  correctedCycle: string;
  status: string;
  error: string | null;
}

/** What the stores hold at the end. */
interface StoredEnd {
  totals: TotalRow[];
  outbox: OutboxRow[];
  runs: { cycle: string; status: string }[];
  /** Audit rows, by what they are about. */
  audits: { action: string; tenantId: string | null; n: number }[];
}

/** What may be rejected: a meter event past its age, and what Stripe answered 404 to. */
const REFUSED = /^timestamp_too_far_in_past|\(404\)/;

const QUERIES = [
  `SELECT tenant_id AS tenantId, meter_key AS meterKey, cycle, corrected_cycle AS correctedCycle, CAST(qty AS TEXT) AS qty,
     CAST(overage AS TEXT) AS overage, CAST(amount_minor AS TEXT) AS amountMinor FROM usage_cycle_totals`,
  `SELECT tenant_id AS tenantId, meter_key AS meterKey, cycle, corrected_cycle AS correctedCycle, status, error
     FROM stripe_usage_outbox`,
  "SELECT cycle, status FROM cycle_runs",
  `SELECT action, tenant_id AS tenantId, count(*) AS n FROM audit_logs
     WHERE action IN ('cycle.closed', 'stripe.usage_sent', 'stripe.usage_rejected') GROUP BY 1, 2`,
];

/**
 * Compares the end with what the seeded usage costs: what Stripe holds, what the outbox says of it, and the stored lines.
 * A tenant that was purged may have been billed or not, but nothing of it twice or in another amount.
 * @param gone given by a schedule, in which subscriptions end and pause: the tenants that were purged in it.
 */
export async function judge(world: World, gone?: ReadonlySet<string>): Promise<Verdict> {
  const purged = gone ?? new Set<string>();
  const end = await readEnd(world.bindings.DB);
  const verdict: Verdict = { doubled: 0, lost: 0, wrong: 0, rejected: 0, purged: 0, findings: [] };
  const open = end.runs.filter(({ status }) => status !== "closed").map(({ cycle }) => cycle);
  const cycles = end.runs.map(({ cycle }) => cycle);
  if (open.length > 0 || !cycles.includes(CYCLES.now)) fault(verdict, "wrong", `${open.join(", ")} did not get closed`);
  const expected = expectLines(world.fleet, cycles);
  const lines = gone === undefined ? expected : followWays(expected, readHeld(world));
  compareStripe(world, verdict, { end, lines, purged });
  const kept = lines.filter(({ tenantId }) => !purged.has(tenantId));
  compareTotals(
    verdict,
    end.totals.filter(({ tenantId }) => isKnown(world, tenantId)),
    kept,
  );
  compareAudits(verdict, end, { kept, purged });
  const { rejected } = await readHealth(openDatabase(world.bindings.DB));
  const rows = end.outbox.filter(({ status }) => status === "rejected").length;
  if (rejected !== rows) fault(verdict, "wrong", `/health counts ${rejected} of ${rows} rejected`);
  return verdict;
}

async function readEnd(db: D1Database): Promise<StoredEnd> {
  const [totals, outbox, runs, audits] = await db.batch(QUERIES.map((query) => db.prepare(query)));
  return {
    totals: (totals?.results ?? []) as TotalRow[],
    outbox: (outbox?.results ?? []) as OutboxRow[],
    runs: (runs?.results ?? []) as StoredEnd["runs"],
    audits: (audits?.results ?? []) as StoredEnd["audits"],
  };
}

/** Rows of a purged tenant carry a pseudonym. */
const isKnown = ({ fleet }: World, tenantId: string): boolean => fleet.some((tenant) => tenant.tenantId === tenantId);

function fault(verdict: Verdict, kind: FindingKind, text: string): void {
  verdict[kind] += 1;
  verdict.findings.push(`${kind}: ${text}`);
}

interface Ends {
  end: StoredEnd;
  lines: readonly ExpectedLine[];
  purged: ReadonlySet<string>;
}

/** Without a running subscription a metered charge is the amount instead; both at once would be one too many. */
const followWays = (lines: readonly ExpectedLine[], held: ReadonlyMap<string, bigint[]>): ExpectedLine[] =>
  lines.map((line) => {
    const amount = { ...line, mode: "invoice_item" as const, charge: line.amountMinor };
    return held.get(heapOf(amount))?.includes(amount.charge) === true ? amount : line;
  });

/** Charges of one customer and meter cannot be told apart by Stripe's side alone, so they are compared as a heap of values. */
function compareStripe(world: World, verdict: Verdict, { end, lines, purged }: Ends): void {
  const held = readHeld(world);
  const owed = Map.groupBy(
    lines.filter(({ charge }) => charge !== 0n),
    (line) => heapOf(line),
  );
  for (const name of new Set([...held.keys(), ...owed.keys()])) {
    const rest = [...(held.get(name) ?? [])];
    const missing: ExpectedLine[] = [];
    for (const line of owed.get(name) ?? []) {
      const at = rest.indexOf(line.charge);
      if (at === -1) missing.push(line);
      else rest.splice(at, 1);
      if (!purged.has(line.tenantId)) checkRow(verdict, end, { line, isHeld: at !== -1 });
    }
    // A value in place of another is a wrong one; a value too many is a double, one too few is lost.
    const swapped = Math.min(rest.length, missing.length);
    for (let pair = 0; pair < swapped; pair += 1) fault(verdict, "wrong", `${name}: ${rest[pair]} at Stripe`);
    for (const value of rest.slice(swapped)) fault(verdict, "doubled", `${name}: ${value} at Stripe once more`);
    for (const line of missing.slice(swapped)) countMissing(verdict, end, { line, purged });
  }
}

function countMissing(
  verdict: Verdict,
  end: StoredEnd,
  { line, purged }: { line: ExpectedLine; purged: ReadonlySet<string> },
): void {
  const isRejected = rowsOf(end.outbox, line).some(
    ({ status, error }) => status === "rejected" && REFUSED.test(error ?? ""),
  );
  if (isRejected) verdict.rejected += 1;
  else if (purged.has(line.tenantId)) verdict.purged += 1;
  else fault(verdict, "lost", `${heapOf(line)}: ${line.charge} of ${line.correctedCycle} is not at Stripe`);
}

/** A charge has one row, and the row says what is so. */
function checkRow(verdict: Verdict, end: StoredEnd, { line, isHeld }: { line: ExpectedLine; isHeld: boolean }): void {
  const rows = rowsOf(end.outbox, line);
  const states = rows.map(({ status }) => status).join(", ");
  const isRight = isHeld ? states === "sent" : states === "rejected";
  if (isRight) return;
  fault(verdict, "wrong", `${heapOf(line)} of ${line.correctedCycle}: outbox says ${states || "nothing"}`);
}

const rowsOf = (rows: readonly OutboxRow[], line: ExpectedLine): OutboxRow[] =>
  rows.filter(
    (row) =>
      row.tenantId === line.tenantId &&
      row.meterKey === line.meterKey &&
      row.correctedCycle === line.correctedCycle &&
      (row.cycle !== row.correctedCycle) === line.isLate,
  );

/** Items name their period; events of a customer's meter are one heap. */
const heapOf = (line: ExpectedLine): string =>
  line.mode === "meter_event"
    ? `event ${line.customer} ${line.eventName}`
    : `item ${line.customer} ${line.meterKey} ${line.correctedCycle}`;

function readHeld({ emulator: { state } }: World): Map<string, bigint[]> {
  const held = new Map<string, bigint[]>();
  const add = (name: string, value: bigint): void => void held.set(name, [...(held.get(name) ?? []), value]);
  for (const { customer, event_name: eventName, value, is_counted: isCounted } of state.meterEvents) {
    if (isCounted) add(`event ${customer} ${eventName}`, BigInt(value));
  }
  for (const { customer, metadata, period, amount } of state.invoiceItems.values()) {
    const cycle = new Date(period.start * 1_000).toISOString().slice(0, 7);
    add(`item ${customer} ${metadata["meter_key"]} ${cycle}`, BigInt(amount));
  }
  return held;
}

/** Every line is stored once, with the quantity and the amount that were expected, and there is none besides. */
function compareTotals(verdict: Verdict, totals: readonly TotalRow[], lines: readonly ExpectedLine[]): void {
  const describe = (
    line: Record<"tenantId" | "meterKey" | "correctedCycle", string>,
    isLate: boolean,
    rest: unknown[],
  ) => [line.tenantId, line.meterKey, line.correctedCycle, isLate ? "late" : "base", ...rest].join(" ");
  const stored = totals
    .map((row) => describe(row, row.cycle !== row.correctedCycle, [row.qty, row.overage, row.amountMinor]))
    .toSorted();
  const expected = lines
    .map((line) => describe(line, line.isLate, [line.qty, line.overage, line.amountMinor]))
    .toSorted();
  const storedOnes = new Set(stored);
  const expectedOnes = new Set(expected);
  for (const text of expected) if (!storedOnes.has(text)) fault(verdict, "wrong", `no line ${text}`);
  for (const text of stored) if (!expectedOnes.has(text)) fault(verdict, "wrong", `a line ${text}`);
  if (stored.length !== storedOnes.size) fault(verdict, "wrong", "a line is stored twice");
}

/** A tenant's close and the end of each charge are recorded once. */
function compareAudits(
  verdict: Verdict,
  { audits, outbox, runs }: StoredEnd,
  { kept, purged }: { kept: readonly ExpectedLine[]; purged: ReadonlySet<string> },
): void {
  for (const tenantId of new Set(kept.map((line) => line.tenantId))) {
    const count = (action: string): number =>
      audits.find((row) => row.action === action && row.tenantId === tenantId)?.n ?? 0;
    const ended = (status: string): number =>
      outbox.filter((row) => row.tenantId === tenantId && row.status === status).length;
    const recorded = [count("cycle.closed"), count("stripe.usage_sent"), count("stripe.usage_rejected")].join(", ");
    const expected = [runs.length, ended("sent"), ended("rejected")].join(", ");
    if (recorded !== expected) fault(verdict, "wrong", `${tenantId}: audited ${recorded} instead of ${expected}`);
  }
  const late = audits.filter(({ action, tenantId }) => action === "cycle.closed" && purged.has(tenantId ?? ""));
  for (const { tenantId, n } of late) if (n > runs.length) fault(verdict, "wrong", `${tenantId} was closed ${n} times`);
}
