import type { JobRun } from "@prego/core/job-run";
import { invoiceIdentifier } from "@prego/core/stripe";
import type { Budget } from "./budget.ts";
import type { Deps, StripeClient } from "./deps.ts";
import { readFailure } from "./execute.ts";
import { createInvoice, hasPendingCharge, lookUpInvoice, readPaymentMethod } from "./invoice-calls.ts";
import { CLAIM_HOLD_MS, INVOICES_PER_RUN_MAX } from "./limits.ts";
import {
  decideAfterLookUp,
  decideFailure,
  decideSend,
  type SendOutcome,
  type SendState,
} from "./plan/send-decision.ts";
import { asUnanswered, type StripeFailure } from "./plan/stripe-failure.ts";
import { recordChange } from "./record.ts";
import {
  claimInvoice,
  type EndedDebt,
  insertInvoice,
  type InvoiceResult,
  type InvoiceRow,
  listDueInvoices,
  listEndedDebts,
  recordInvoice,
  renewInvoiceIntent,
} from "./store/invoice-outbox.ts";

/** What one run did for charges that no subscription's invoice collects any more. */
export interface InvoiceReport {
  sent: number;
  rejected: number;
  retried: number;
  /** Debts that another invoice had collected already. */
  nothing_pending: number;
  /** Why the run stopped before the last one. */
  stopped: string | null;
}

interface Work {
  stripe: StripeClient;
  run: JobRun;
  budget: Budget;
  report: InvoiceReport;
}

/**
 * Makes an invoice per tenant, cycle and currency for sent invoice items of subscriptions that have ended, and another one for
 * what comes later. What the call says is stored before it is made, and an old retry looks first; an item is on one invoice only.
 */
export async function invoiceEnded(deps: Deps, run: JobRun, budget: Budget): Promise<InvoiceReport> {
  const report: InvoiceReport = { sent: 0, rejected: 0, retried: 0, nothing_pending: 0, stopped: null };
  if (deps.stripe === undefined) return { ...report, stopped: "not_configured: STRIPE_SECRET_KEY is not set" };
  const work = { stripe: deps.stripe, run, budget, report };
  const readAtMs = deps.now();
  for (const debt of await listEndedDebts(deps.db, INVOICES_PER_RUN_MAX)) {
    if (!mayGoOn(work)) break;
    await planInvoice(deps, work, { debt, readAtMs });
    // Before the next one is planned: an invoice takes the items of every cycle, and an empty one would follow.
    await makeDue(deps, work);
  }
  await makeDue(deps, work);
  return report;
}

async function makeDue(deps: Deps, work: Work): Promise<void> {
  if (work.report.stopped !== null) return;
  for (const row of await listDueInvoices(deps.db, deps.now(), INVOICES_PER_RUN_MAX)) {
    if (!mayGoOn(work)) break;
    await makeInvoice(deps, work, row);
  }
}

function mayGoOn({ budget, report }: Work): boolean {
  if (report.stopped === null && !budget.take()) report.stopped = "out_of_time";
  return report.stopped === null;
}

/** Reads at Stripe what the call will say, and stores it. */
async function planInvoice(
  deps: Deps,
  { stripe, run, report }: Work,
  { debt, readAtMs }: { debt: EndedDebt; readAtMs: number },
): Promise<void> {
  let isPending: boolean | undefined;
  let method: string | null = null;
  try {
    isPending = await hasPendingCharge(stripe, debt);
    if (isPending !== false) method = await readPaymentMethod(stripe, debt.subscriptionId);
  } catch (error) {
    const failure = readFailure(error, "invoice_item");
    if (failure.kind !== "refused") {
      stopAt(report, failure);
      report.retried += 1;
      return;
    }
    deps.log("warn", "invoice.unknown_at_stripe", { cycle: debt.cycle, tenant_id: debt.tenantId });
  }
  // What may be left of a full invoice has to be seen, or one empty invoice would follow another.
  if (debt.isRest && isPending === undefined) {
    report.retried += 1;
    return;
  }
  const status = isPending === false ? "nothing_pending" : "pending";
  const identifier = await invoiceIdentifier(debt);
  const payload = { key_epoch: 0, customer: debt.customer, currency: debt.currency, payment_method: method };
  const { audit, trace } = await recordChange(deps, run.actor, {
    action: isPending === false ? "stripe.invoice_not_needed" : "stripe.invoice_planned",
    target: `stripe_invoice_outbox/${identifier}`,
    tenantId: debt.tenantId,
    traceId: debt.traceId,
    detail: { cycle: debt.cycle, currency: debt.currency, charges: debt.charges.length },
  });
  const record = { nowMs: readAtMs, audit: [audit], trace: [trace] };
  const isOurs = await insertInvoice(deps.db, { debt, identifier, status, payload }, record);
  if (isOurs && status === "nothing_pending") report.nothing_pending += 1;
}

async function makeInvoice(deps: Deps, work: Work, due: InvoiceRow): Promise<void> {
  const nowMs = deps.now();
  const row = await claimInvoice(deps.db, due, { nowMs, holdUntilMs: nowMs + CLAIM_HOLD_MS });
  if (row === undefined) return;
  let outcome: SendOutcome | undefined;
  try {
    outcome = await sendInvoice(deps, work.stripe, row);
  } catch (error) {
    if (error instanceof StorageFailedError) throw error.cause;
    const failure =
      error instanceof LookUpFailedError
        ? asUnanswered(readFailure(error.cause, "invoice_item"))
        : readFailure(error, "invoice_item");
    stopAt(work.report, failure);
    const decided = decideFailure(stateOf(row), failure, deps.now());
    outcome = decided.kind === "released" ? { ...decided, kind: "retry" } : decided;
  }
  if (outcome !== undefined) await recordOutcome(deps, work, resultOf(row, outcome, deps.now()));
}

/** Undefined when the row is not ours any more. Errors of Stripe are thrown. */
async function sendInvoice(deps: Deps, stripe: StripeClient, row: InvoiceRow): Promise<SendOutcome | undefined> {
  if (decideSend(stateOf(row), deps.now()).kind === "send") {
    return { kind: "sent", stripeId: await createInvoice(stripe, row) };
  }
  const finding = await lookUpInvoice(stripe, row).catch((cause: unknown) => {
    throw new LookUpFailedError("the invoice was not looked up", { cause });
  });
  const next = decideAfterLookUp(stateOf(row), finding, deps.now());
  if (next.kind !== "renew") return next;
  const renewed = await renew(deps, row);
  return renewed === undefined ? undefined : { kind: "sent", stripeId: await createInvoice(stripe, renewed) };
}

/** Without a stored intent there is no call, so this error must not look like one of Stripe's. */
class StorageFailedError extends Error {
  override readonly name = "StorageFailedError";
}

/** A question that Stripe did not answer says nothing about the invoice, which may be there. */
class LookUpFailedError extends Error {
  override readonly name = "LookUpFailedError";
}

async function renew(deps: Deps, row: InvoiceRow): Promise<InvoiceRow | undefined> {
  try {
    return await renewInvoiceIntent(deps.db, row, deps.now());
  } catch (cause) {
    throw new StorageFailedError("the intent was not stored", { cause });
  }
}

/** A limit and a wrong key concern every other call too. */
function stopAt(report: InvoiceReport, failure: StripeFailure): void {
  if (failure.kind === "rate_limited" || failure.kind === "unauthorized") report.stopped = failure.reason;
}

const stateOf = (row: InvoiceRow): SendState => ({
  mode: "invoice_item",
  identifier: row.identifier,
  intentAtMs: row.intentAtMs,
  keyEpoch: row.payload.key_epoch,
  attempts: row.attempts,
  mustLookUp: false,
  eventAtMs: null,
  finalAtMs: null,
});

function resultOf(row: InvoiceRow, outcome: SendOutcome, nowMs: number): InvoiceResult {
  const base = { row, stripeId: null, error: null, nextAttemptAtMs: nowMs };
  switch (outcome.kind) {
    case "sent":
      return { ...base, status: "sent", stripeId: outcome.stripeId };
    case "rejected":
      return { ...base, status: "rejected", error: outcome.reason };
    case "retry":
      return { ...base, status: "pending", error: outcome.reason, nextAttemptAtMs: outcome.atMs };
  }
}

async function recordOutcome(deps: Deps, { run, report }: Work, result: InvoiceResult): Promise<void> {
  const { row, status, stripeId, error } = result;
  const changes =
    status === "pending"
      ? []
      : [
          await recordChange(deps, run.actor, {
            action: `stripe.invoice_${status}`,
            target: `stripe_invoice_outbox/${row.identifier}`,
            tenantId: row.tenantId,
            traceId: row.traceId,
            level: status === "sent" ? "info" : "error",
            detail: { cycle: row.cycle, stripe_id: stripeId, error },
          }),
        ];
  const record = { audit: changes.map(({ audit }) => audit), trace: changes.map(({ trace }) => trace) };
  if (!(await recordInvoice(deps.db, result, { nowMs: deps.now(), ...record }))) {
    deps.log("warn", "invoice.result_not_ours", { cycle: row.cycle });
    return;
  }
  report[status === "pending" ? "retried" : status] += 1;
}
