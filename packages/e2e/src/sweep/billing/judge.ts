import { openDatabase } from "@prego/core/store";
import { readHealth } from "@prego/cycle-close/store/health";
import { expectLines, partOf } from "./expected-charges.ts";
import { emptyVerdict, fault, type Verdict } from "./fault-plan.ts";
import { CYCLES } from "./fleet.ts";
import { compareAudits } from "./judge-audits.ts";
import { compareCharges, followAmounts } from "./judge-charges.ts";
import { compareInvoices } from "./judge-invoices.ts";
import { type Ends, readEnd } from "./stored-end.ts";
import type { World } from "./world.ts";

/**
 * Compares the end with what the seeded usage costs: what Stripe holds, what the outboxes say of it, the stored lines and the audit
 * rows. A tenant that was purged may have been billed or not, but nothing of it twice or in another amount.
 * @param gone given by a schedule, in which subscriptions end and pause: the tenants that were purged in it.
 */
export async function judge(world: World, gone?: ReadonlySet<string>): Promise<Verdict> {
  const purged = gone ?? new Set<string>();
  const end = await readEnd(world.bindings.DB);
  const verdict = emptyVerdict();
  const open = end.runs.filter(({ status }) => status !== "closed").map(({ cycle }) => cycle);
  const cycles = end.runs.map(({ cycle }) => cycle);
  if (open.length > 0 || !cycles.includes(CYCLES.now)) fault(verdict, "wrong", `${open.join(", ")} did not get closed`);
  const expected = expectLines(world.fleet, cycles);
  const lines = followAmounts(expected, world, gone === undefined ? /^event_too_old$/ : /./);
  const ends: Ends = { world, end, lines, purged };
  compareCharges(verdict, ends);
  compareInvoices(verdict, ends);
  compareTotals(verdict, ends);
  compareAudits(verdict, ends);
  const { rejected } = await readHealth(openDatabase(world.bindings.DB));
  const rows = end.charges.filter(({ status }) => status === "rejected").length;
  if (rejected !== rows) fault(verdict, "wrong", `/health counts ${rejected} of ${rows} rejected`);
  return verdict;
}

/** Every line is stored once, with the quantity and the amount that were expected, and there is none besides. */
function compareTotals(verdict: Verdict, { world: { fleet }, end, lines, purged }: Ends): void {
  // Rows of a purged tenant carry a pseudonym.
  const known = new Set(fleet.map(({ tenantId }) => tenantId));
  const stored = end.totals
    .filter(({ tenantId }) => known.has(tenantId))
    .map((row) => {
      const when = row.cycle === row.correctedCycle ? "base" : "late";
      return [
        row.tenantId,
        row.meterKey,
        row.correctedCycle,
        row.part,
        when,
        row.qty,
        row.overage,
        row.amountMinor,
      ].join(" ");
    })
    .toSorted();
  const expected = lines
    .filter(({ tenantId }) => !purged.has(tenantId))
    .map((line) => {
      const { tenantId, meterKey, correctedCycle, isLate, qty, overage, amountMinor } = line;
      const when = isLate ? "late" : "base";
      return [tenantId, meterKey, correctedCycle, partOf(line), when, qty, overage, amountMinor].join(" ");
    })
    .toSorted();
  const storedOnes = new Set(stored);
  const expectedOnes = new Set(expected);
  for (const text of expected) if (!storedOnes.has(text)) fault(verdict, "wrong", `no line ${text}`);
  for (const text of stored) if (!expectedOnes.has(text)) fault(verdict, "wrong", `a line ${text}`);
  if (stored.length !== storedOnes.size) fault(verdict, "wrong", "a line is stored twice");
}
