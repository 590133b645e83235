import type { JobReport, JobRun } from "@prego/core/job-run";
import { createBudget } from "./budget.ts";
import { compareSums, type SumsReport } from "./compare-sums.ts";
import { closeCycles, type CycleReport, finishCycles } from "./close-cycles.ts";
import type { Deps } from "./deps.ts";
import { QUERIES_FOR_SENDING } from "./limits.ts";
import { readMeterReports } from "./read-meter-reports.ts";
import { invoiceEnded, type InvoiceReport } from "./invoice-ended.ts";
import { countWithoutSubscription } from "./store/health.ts";
import { sendOutbox, type SendReport } from "./send-outbox.ts";

/** What one run did. */
export interface CloseReport extends JobReport {
  cycles: CycleReport[];
  outbox: SendReport;
  /** Rows that Stripe took and reported as bad later. */
  reported_late: number;
  /** What was sent to billing meters, compared with what Stripe holds. */
  sums: SumsReport;
  invoices: InvoiceReport;
  /** Sent invoice items of ended subscriptions that no invoice has taken up: their subscription's own never will. */
  without_subscription: number;
}

/** Closes everything that is due and sends what is owed; safe to repeat, to overlap and to be stopped anywhere. */
export async function runClose(deps: Deps, run: JobRun): Promise<CloseReport> {
  const cycles = await closeCycles(deps, run, createBudget(deps, run, QUERIES_FOR_SENDING));
  const outbox = await sendOutbox(deps, run, createBudget(deps, run));
  const invoices = await invoiceEnded(deps, run, createBudget(deps, run));
  await finishCycles(deps, run, cycles);
  const reportedLate = await readMeterReports(deps, run, createBudget(deps, run));
  const sums = await compareSums(deps, run, createBudget(deps, run));
  const failedTenants = cycles.reduce((sum, cycle) => sum + (cycle.failed ?? 0), 0);
  const failed = failedTenants + outbox.rejected + invoices.rejected + reportedLate;
  const withoutSubscription = await countWithoutSubscription(deps.db);
  return {
    failed,
    cycles,
    outbox,
    invoices,
    reported_late: reportedLate,
    sums,
    without_subscription: withoutSubscription,
  };
}
