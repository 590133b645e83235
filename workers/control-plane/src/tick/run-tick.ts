import { describeError } from "@prego/core/log";
import type { Deps } from "../deps.ts";
import { sendDueDispatches } from "../dispatch/send-due.ts";
import { reconcileDaily } from "../reconcile/start.ts";
import { anchorAuditHead } from "./anchor-audit.ts";
import { chaseOverdueJobs } from "./chase-overdue.ts";
import { placeWaitingJobs } from "./place-waiting.ts";
import { sealAuditLog } from "./seal-audit.ts";

/** What happens every minute, in the order in which one step feeds the next. Each is safe to run twice at once. */
const STEPS = [
  ["place_waiting", placeWaitingJobs],
  ["chase_overdue", chaseOverdueJobs],
  ["send_dispatches", sendDueDispatches],
  ["seal_audit", sealAuditLog],
  ["anchor_audit", anchorAuditHead],
  ["reconcile", reconcileDaily],
] as const satisfies readonly (readonly [string, (deps: Deps, nowMs: number) => Promise<object>])[];

/** Reports of the steps by name; a step that failed is reported as such and does not stop the next. */
export type TickReport = Record<string, object>;

/** Runs every step. @throws AggregateError at the end when steps failed, so that the run shows as failed. */
export async function runTick(deps: Deps): Promise<TickReport> {
  const report: TickReport = {};
  const errors: unknown[] = [];
  for (const [name, step] of STEPS) {
    try {
      report[name] = await step(deps, deps.now());
    } catch (error) {
      errors.push(error);
      deps.log("error", "tick.step_failed", { step: name, error: describeError(error) });
    }
  }
  deps.log(errors.length === 0 ? "info" : "error", "tick.finished", { report: report as never });
  if (errors.length > 0) throw new AggregateError(errors, `${errors.length} steps of the tick failed`);
  return report;
}
