import type { AuditEntry } from "./audit.ts";
import { JOB_LEASE_MS, JOB_RUN_BUDGET_MS } from "./limits.ts";
import { describeError, type Logger } from "./log.ts";

/** What started a run. */
export type JobTrigger = "cron" | "operator";

/** Counts and reasons of a run, JSON. `failed` above 0 makes the run end as failed while its other work stands. */
export type JobReport = Record<string, unknown> & { failed: number };

/** Where leases live; D1's is `createJobLeases` of `@prego/core/store`. */
export interface JobLeases {
  acquire(claim: {
    job: string;
    runId: string;
    trigger: JobTrigger;
    dueAtMs: number;
    nowMs: number;
    leaseMs: number;
    audit: readonly AuditEntry[];
  }): Promise<{ acquired: true } | { acquired: false; holder: string }>;
  finish(end: {
    job: string;
    runId: string;
    nowMs: number;
    status: "succeeded" | "failed";
    report: JobReport;
  }): Promise<void>;
}

/** What the body of a job knows about its run. */
export interface JobRun {
  runId: string;
  /** Everything due up to this instant is the run's work, however late or often the run comes. */
  dueAtMs: number;
  /** The body stops taking new work after this instant; the next run carries on. */
  deadlineMs: number;
  trigger: JobTrigger;
  /** Actor for audit rows: `cron:<job>` or `operator:<key id>`. */
  actor: string;
}

/** Result of {@link runUnderLease}: the report, or the run that holds the lease. */
export type JobOutcome<R extends JobReport> =
  | { kind: "ran"; runId: string; report: R }
  | { kind: "busy"; holder: string };

/** What {@link runUnderLease} needs. */
export interface JobRequest {
  job: string;
  runId: string;
  trigger: JobTrigger;
  actor: string;
  dueAtMs: number;
  leases: JobLeases;
  now: () => number;
  log: Logger;
  /** Audit rows of a manual trigger, written with the lease. */
  audit?: readonly AuditEntry[];
}

/**
 * Runs a job's body while holding its lease and records run and report. The lease only keeps two runs from wasting work:
 * the body must be safe without it. An exception ends the run as failed and is thrown on.
 */
export async function runUnderLease<R extends JobReport>(
  request: JobRequest,
  body: (run: JobRun) => Promise<R>,
): Promise<JobOutcome<R>> {
  const { job, runId, trigger, actor, dueAtMs, leases, now, log } = request;
  const startedAtMs = now();
  const claim = await leases.acquire({
    job,
    runId,
    trigger,
    dueAtMs,
    nowMs: startedAtMs,
    leaseMs: JOB_LEASE_MS,
    audit: request.audit ?? [],
  });
  if (!claim.acquired) {
    log("info", "job.busy", { job, run_id: runId, holder: claim.holder });
    return { kind: "busy", holder: claim.holder };
  }
  try {
    const report = await body({ runId, dueAtMs, deadlineMs: startedAtMs + JOB_RUN_BUDGET_MS, trigger, actor });
    const status = report.failed > 0 ? "failed" : "succeeded";
    await leases.finish({ job, runId, nowMs: now(), status, report });
    log(status === "failed" ? "error" : "info", "job.finished", {
      job,
      run_id: runId,
      trigger,
      duration_ms: now() - startedAtMs,
      report: report as never,
    });
    return { kind: "ran", runId, report };
  } catch (error) {
    log("error", "job.crashed", { job, run_id: runId, trigger, error: describeError(error) });
    const report = { failed: 1, error: describeError(error) };
    await leases.finish({ job, runId, nowMs: now(), status: "failed", report }).catch(() => undefined);
    throw error;
  }
}
