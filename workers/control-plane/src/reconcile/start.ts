import { createAuditEntry } from "@prego/core/audit";
import { runUnderLease, type JobOutcome, type JobRequest, type JobTrigger } from "@prego/core/job-run";
import { JOB_RUN_BUDGET_MS } from "@prego/core/limits";
import { ProblemError } from "@prego/core/problem";
import { createJobLeases } from "@prego/core/store";
import type { Deps } from "../deps.ts";
import { isReconcileDue } from "../domain/reconcile-pass.ts";
import { readReconcileHistory, RECONCILE_JOB } from "../store/reconcile.ts";
import type { ReconcileReport } from "./report.ts";
import { previewReconcile, runReconcile } from "./run.ts";
import { createStripeLists, type StripeLists } from "./stripe-lists.ts";

/** Runs a reconcile under its lease. A manual run leaves an audit row of who started it. */
export async function startReconcile(
  deps: Deps,
  trigger: { trigger: JobTrigger; actor: string; dueAtMs: number },
): Promise<JobOutcome<ReconcileReport>> {
  const stripe = requireStripe(deps);
  const runId = deps.newId("run");
  const request: JobRequest = {
    job: RECONCILE_JOB,
    runId,
    ...trigger,
    leases: createJobLeases(deps.db),
    now: deps.now,
    log: deps.log,
    audit: trigger.trigger === "operator" ? [await auditTrigger(deps, trigger.actor, runId)] : [],
  };
  return runUnderLease(request, (run) => runReconcile(deps, stripe, run));
}

/** What a run would do now; it takes no lease and writes nothing. */
export const planReconcileRun = (deps: Deps, dueAtMs: number): Promise<ReconcileReport> =>
  previewReconcile(deps, requireStripe(deps), { dueAtMs, deadlineMs: dueAtMs + JOB_RUN_BUDGET_MS });

/** The cron's daily pass: begun by the first tick of the UTC day, carried on by the next ones until it is through. */
export async function reconcileDaily(deps: Deps, nowMs: number): Promise<object> {
  if (deps.settings.stripeSecretKey === undefined) return { skipped: "not_configured" };
  if (!isReconcileDue(await readReconcileHistory(deps.db), nowMs)) return { due: false };
  const outcome = await startReconcile(deps, { trigger: "cron", actor: "cron:reconcile", dueAtMs: nowMs });
  if (outcome.kind === "busy") return { busy: outcome.holder };
  const { failed, stopped } = outcome.report;
  return { run_id: outcome.runId, failed, stopped };
}

function requireStripe(deps: Deps): StripeLists {
  const stripe = createStripeLists(deps);
  if (stripe === undefined) {
    throw new ProblemError("not_configured", { detail: "The key of Stripe's API is not configured." });
  }
  return stripe;
}

const auditTrigger = (deps: Deps, actor: string, runId: string) =>
  createAuditEntry(
    { actor, action: "job.triggered", target: `job_runs/${runId}`, detail: { job: RECONCILE_JOB } },
    { nowMs: deps.now(), salt: deps.randomBytes(32) },
  );
