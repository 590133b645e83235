import { isGuardFailure } from "@prego/core/d1-error";
import { commit, type Statement } from "@prego/core/store";
import type { Deps } from "../deps.ts";
import { planDispatchRetry, readDispatchInputs } from "../domain/dispatch.ts";
import { planJobFailure } from "../domain/provision.ts";
import { isUnclaimed } from "../domain/rows.ts";
import { auditStatements, changeSetStatements, traceStatements } from "../store/change-set.ts";
import {
  givenUpStatements,
  leaseDispatch,
  listDueDispatches,
  retryStatements,
  sentStatements,
  type DispatchRow,
} from "../store/dispatches.ts";
import { findJob } from "../store/provision-jobs.ts";
import { dispatchWorkflow, type DispatchAnswer } from "./github.ts";

const ACTOR = "cron:dispatch";

/** Counts of one pass over the outbox; `waiting` when no repository is configured and nothing was tried. */
export interface DispatchReport {
  sent: number;
  retried: number;
  given_up: number;
  waiting: boolean;
}

/** Sends what is due. At least once: a lost answer sends again, and the claim of the job lets one run through. */
export async function sendDueDispatches(deps: Deps, nowMs: number): Promise<DispatchReport> {
  const report: DispatchReport = { sent: 0, retried: 0, given_up: 0, waiting: deps.settings.github === undefined };
  if (report.waiting) return report;
  for (const row of await listDueDispatches(deps.db, nowMs)) {
    if (!(await leaseDispatch(deps.db, row, nowMs))) continue;
    const answer = await send(deps, row);
    const settled = await settle(deps, { ...row, attempts: row.attempts + 1 }, answer);
    if (settled !== undefined) report[settled] += 1;
  }
  return report;
}

async function send(deps: Deps, row: DispatchRow): Promise<DispatchAnswer> {
  const inputs = readDispatchInputs(row.inputsJson);
  const { github } = deps.settings;
  if (inputs === undefined) return { kind: "failed", error: "inputs do not match their patterns" };
  if (github === undefined) return { kind: "failed", error: "no repository is configured" };
  return dispatchWorkflow(github, inputs, deps.fetch);
}

/** Undefined when the row was called off while it was being sent: the run will find nothing to claim. */
async function settle(
  deps: Deps,
  row: DispatchRow,
  answer: DispatchAnswer,
): Promise<"sent" | "retried" | "given_up" | undefined> {
  const nowMs = deps.now();
  const next = answer.kind === "failed" ? planDispatchRetry(row.attempts) : undefined;
  try {
    if (answer.kind === "accepted") {
      await commit(deps.db, await recordSent(deps, row, answer, nowMs));
      return "sent";
    }
    if (next?.kind === "retry") {
      await commit(deps.db, retryStatements(deps.db, row, { error: answer.error, delayMs: next.delayMs }, nowMs));
      deps.log("warn", "dispatch.retry", { dispatch_id: row.dispatchId, attempts: row.attempts, error: answer.error });
      return "retried";
    }
    await commit(deps.db, await recordGivenUp(deps, row, answer.error, nowMs));
    deps.log("error", "dispatch.given_up", { dispatch_id: row.dispatchId, error: answer.error });
    return "given_up";
  } catch (error) {
    if (!isGuardFailure(error)) throw error;
    return undefined;
  }
}

async function recordSent(
  deps: Deps,
  row: DispatchRow,
  run: { runId: string | null; runUrl: string | null },
  nowMs: number,
): Promise<Statement[]> {
  const about = { traceId: row.traceId, tenantId: row.tenantId };
  const detail = { dispatch_id: row.dispatchId, purpose: row.purpose, run_id: run.runId, attempts: row.attempts };
  const isJob = row.purpose !== "scale_out";
  const eventType = isJob ? "provision.dispatched" : "scale.dispatched";
  const target = `${isJob ? "provision_jobs" : "nodes"}/${row.subjectId}`;
  const trace = { ...about, eventType, jobId: isJob ? row.subjectId : null, payload: detail };
  return [
    ...sentStatements(deps.db, row, run, nowMs),
    ...traceStatements(deps, [trace], nowMs),
    ...(await auditStatements(deps, [{ ...about, actor: ACTOR, action: eventType, target, detail }], nowMs)),
  ];
}

async function recordGivenUp(deps: Deps, row: DispatchRow, error: string, nowMs: number): Promise<Statement[]> {
  const about = { traceId: row.traceId, tenantId: row.tenantId };
  const detail = { dispatch_id: row.dispatchId, purpose: row.purpose, attempts: row.attempts, error };
  const target = `dispatches/${row.dispatchId}`;
  const job = row.purpose === "scale_out" ? undefined : await findJob(deps.db, row.subjectId);
  const failure =
    job !== undefined && isUnclaimed(job)
      ? planJobFailure(job, { failureStage: "dispatch", error, actor: ACTOR, nowMs })
      : undefined;
  return [
    ...givenUpStatements(deps.db, row, error, nowMs),
    ...(failure === undefined ? [] : await changeSetStatements(deps, failure, nowMs)),
    ...traceStatements(deps, [{ ...about, eventType: "dispatch.failed", level: "error", payload: detail }], nowMs),
    ...(await auditStatements(deps, [{ ...about, actor: ACTOR, action: "dispatch.failed", target, detail }], nowMs)),
  ];
}
