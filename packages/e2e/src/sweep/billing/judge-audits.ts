import { fault, type Verdict } from "./fault-plan.ts";
import type { Ends } from "./stored-end.ts";

/** What an audit row says that became of a charge or an invoice, and after what it may be said. */
const STEPS: Readonly<Record<string, { from: readonly string[]; to: string }>> = {
  "stripe.usage_sent": { from: ["pending"], to: "sent" },
  // Stripe may report a meter event as bad after it was taken.
  "stripe.usage_rejected": { from: ["pending", "sent"], to: "rejected" },
  "stripe.usage_resent": { from: ["rejected"], to: "pending" },
  "stripe.invoice_planned": { from: ["none"], to: "pending" },
  "stripe.invoice_not_needed": { from: ["none"], to: "nothing_pending" },
  "stripe.invoice_sent": { from: ["pending"], to: "sent" },
  "stripe.invoice_rejected": { from: ["pending"], to: "rejected" },
};

/** A tenant's close, and each step of a charge or an invoice, is recorded once, and the last step is what its row says. */
export function compareAudits(verdict: Verdict, { world, end, lines, purged }: Ends): void {
  const closes = Map.groupBy(
    end.audits.filter(({ action }) => action === "cycle.closed"),
    ({ tenantId }) => tenantId ?? "",
  );
  for (const tenantId of new Set(lines.map((line) => line.tenantId))) {
    const times = closes.get(tenantId)?.length ?? 0;
    const isRight = purged.has(tenantId) ? times <= end.runs.length : times === end.runs.length;
    if (!isRight) fault(verdict, "wrong", `${tenantId} was closed ${times} times in ${end.runs.length} cycles`);
  }
  const known = new Set(world.fleet.map(({ tenantId }) => tenantId).filter((tenantId) => !purged.has(tenantId)));
  const replayed = replay(
    verdict,
    end.audits.filter(({ tenantId }) => known.has(tenantId ?? "")),
  );
  for (const [table, rows] of [
    ["stripe_usage_outbox", end.charges],
    ["stripe_invoice_outbox", end.invoices],
  ] as const) {
    for (const { tenantId, identifier, status } of rows.filter((row) => known.has(row.tenantId))) {
      const told = replayed.get(`${table}/${identifier}`) ?? "pending";
      if (told === status) continue;
      fault(verdict, "wrong", `${tenantId}: a row of ${table} is ${status} and audited as ${told}`);
    }
  }
}

/** Where the recorded steps lead, by what they are about. */
function replay(verdict: Verdict, audits: Ends["end"]["audits"]): Map<string, string> {
  const states = new Map<string, string>();
  for (const { action, tenantId, target } of audits) {
    const step = STEPS[action];
    if (step === undefined) continue;
    const state = states.get(target) ?? (target.startsWith("stripe_invoice_outbox/") ? "none" : "pending");
    if (!step.from.includes(state)) fault(verdict, "wrong", `${tenantId}: ${action} of what was ${state}`);
    states.set(target, step.to);
  }
  return states;
}
