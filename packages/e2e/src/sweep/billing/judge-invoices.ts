import { fault, type Verdict } from "./fault-plan.ts";
import { REFUSED } from "./judge-charges.ts";
import type { Ends } from "./stored-end.ts";

/** Metadata under which an invoice of ours is known at Stripe. */
const IDENTIFIER_KEY = "prego_identifier";

/** Where a line of an invoice comes from. */
interface LineParent {
  invoice_item_details: { invoice_item: string } | null;
}

/**
 * Compares Stripe's invoices with its invoice items: none is on two, none of an ended subscription is left over, no invoice is made
 * twice or for somebody whose purge has begun, and the outbox says so.
 */
export function compareInvoices(verdict: Verdict, ends: Ends): void {
  const { invoiceItems, invoices } = ends.world.emulator.state;
  const lines = [...invoices.values()].flatMap((invoice) => invoice.lines.data);
  const times = Map.groupBy(lines, ({ parent }) => (parent as LineParent).invoice_item_details?.invoice_item ?? "");
  for (const [id, { customer }] of invoiceItems) {
    const count = times.get(id)?.length ?? 0;
    if (count > 1) fault(verdict, "doubled", `an item of ${customer} is on ${count} invoices`);
  }
  compareLeftOver(verdict, ends);
  compareOwn(verdict, ends);
  const late = ends.world.purge?.lateInvoices ?? 0;
  if (late > 0) fault(verdict, "wrong", `${late} invoices were asked for of a tenant that was being purged`);
}

/** Items of ended subscriptions are on an invoice, or their invoice was refused and says so. */
function compareLeftOver(verdict: Verdict, { world, end, purged }: Ends): void {
  const left = new Set(end.left.map(({ tenantId }) => tenantId));
  for (const { tenantId, customer } of world.fleet.filter((one) => left.has(one.tenantId))) {
    const pending = [...world.emulator.state.invoiceItems.values()].filter(
      (item) => item.customer === customer && item.invoice === null,
    );
    if (pending.length === 0 || purged.has(tenantId)) continue;
    const isRefused = end.invoices.some(
      (row) => row.tenantId === tenantId && row.status === "rejected" && REFUSED.test(row.error ?? ""),
    );
    if (isRefused) verdict.rejected += 1;
    else fault(verdict, "lost", `${pending.length} items of ${customer}, who has left, are on no invoice`);
  }
}

/** Each of our invoices was asked for once, and each that the outbox calls sent is there. */
function compareOwn(verdict: Verdict, { world, end, purged }: Ends): void {
  const own = [...world.emulator.state.invoices.values()].filter(({ metadata }) => IDENTIFIER_KEY in metadata);
  const byIdentifier = Map.groupBy(own, ({ metadata }) => metadata[IDENTIFIER_KEY] ?? "");
  for (const [identifier, { length }] of byIdentifier) {
    if (length > 1) fault(verdict, "doubled", `invoice ${identifier} was made ${length} times`);
  }
  verdict.emptyInvoices += own.filter((invoice) => invoice.lines.data.length === 0).length;
  // Rows of a purged tenant carry a pseudonym.
  const known = new Set(world.fleet.map(({ tenantId }) => tenantId).filter((tenantId) => !purged.has(tenantId)));
  for (const { tenantId, identifier, status } of end.invoices.filter((row) => known.has(row.tenantId))) {
    const isThere = byIdentifier.has(identifier);
    if (status === "pending" || isThere !== (status === "sent")) {
      fault(verdict, "wrong", `an invoice of ${tenantId} is ${status} and ${isThere ? "" : "not "}at Stripe`);
    }
  }
}
