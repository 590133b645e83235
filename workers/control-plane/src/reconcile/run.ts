import type { JobRun } from "@prego/core/job-run";
import { choosePass, startPass } from "../domain/reconcile-pass.ts";
import type { Deps } from "../deps.ts";
import { readReconcileHistory } from "../store/reconcile.ts";
import { checkTenants } from "./check-tenants.ts";
import { compareSubscriptions } from "./compare-subscriptions.ts";
import { replayEvents } from "./replay-events.ts";
import { blankReport, type ReconcileReport } from "./report.ts";
import { BoundReached, openSession, type ReconcileSession } from "./session.ts";
import { isStripeFailure, type StripeLists } from "./stripe-lists.ts";

/** Brings what is known here to Stripe's state, as far as one run may go; the next run carries on. */
export async function runReconcile(
  deps: Deps,
  stripe: StripeLists,
  run: Pick<JobRun, "actor" | "deadlineMs" | "dueAtMs">,
): Promise<ReconcileReport> {
  const pass = choosePass(await readReconcileHistory(deps.db), run.dueAtMs);
  return walk(openSession(deps, { ...run, stripe, writes: true, report: blankReport(pass) }));
}

/** What a new pass would do, from its beginning, as far as one run gets; nothing is written. */
export async function previewReconcile(
  deps: Deps,
  stripe: StripeLists,
  run: Pick<JobRun, "deadlineMs" | "dueAtMs">,
): Promise<ReconcileReport> {
  const report = blankReport(startPass(run.dueAtMs));
  return walk(openSession(deps, { ...run, actor: "none", stripe, writes: false, report }));
}

/** Events first: they hold what a mere state does not, such as invoices and refunds. */
async function walk(session: ReconcileSession): Promise<ReconcileReport> {
  const { report, deps } = session;
  try {
    await replayEvents(session);
    await compareSubscriptions(session);
    await checkTenants(session);
  } catch (error) {
    if (error instanceof BoundReached) {
      report.stopped = error.message;
    } else if (isStripeFailure(error)) {
      report.failed += 1;
      report.stopped = `stripe_failed: ${error.type} ${error.statusCode ?? "no status"}`;
    } else {
      throw error;
    }
  }
  if (report.tenants.unknown > 0 || report.subscriptions.unrepaired > 0) {
    const { tenants, subscriptions } = report;
    deps.log("error", "reconcile.needs_a_person", { unknown: tenants.unknown, unrepaired: subscriptions.unrepaired });
  }
  return report;
}
