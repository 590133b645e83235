import { z } from "zod";
import { formatInstant } from "@prego/core/period";
import { firstWindow } from "./event-window.ts";

/** How far a pass over everything has come. It is kept in the report of the run that got there; null means done. */
export const ReconcilePass = z.strictObject({
  /** UTC day of its start. */
  day: z.string(),
  /** Second up to which events are replayed. */
  end_seconds: z.int(),
  events: z.strictObject({ from: z.int(), until: z.int(), after: z.string().nullable() }).nullable(),
  /** Stripe's subscriptions after this one; empty at the beginning. */
  subscriptions: z.strictObject({ after: z.string() }).nullable(),
  /** Tenants after this one; empty at the beginning. */
  tenants: z.strictObject({ after: z.string() }).nullable(),
});
export type ReconcilePass = z.infer<typeof ReconcilePass>;

/** What is known of earlier runs. */
export interface ReconcileHistory {
  /** Newest stored progress. */
  pass: ReconcilePass | undefined;
  /** When the newest run began, if it failed or was abandoned. */
  failedAtMs: number | undefined;
}

/** A failed run is not repeated by the cron before this is over: Stripe's outages last longer than a minute. */
export const RETRY_AFTER_MS = 15 * 60 * 1_000;

export const startPass = (nowMs: number): ReconcilePass => {
  const endSeconds = Math.floor(nowMs / 1_000) + 1;
  return {
    day: formatInstant(nowMs).slice(0, 10),
    end_seconds: endSeconds,
    events: firstWindow(endSeconds),
    subscriptions: { after: "" },
    tenants: { after: "" },
  };
};

export const isPassDone = (pass: ReconcilePass): boolean =>
  pass.events === null && pass.subscriptions === null && pass.tenants === null;

/** The pass that a run carries on: the unfinished one, or a new one. */
export const choosePass = ({ pass }: ReconcileHistory, nowMs: number): ReconcilePass =>
  pass === undefined || isPassDone(pass) ? startPass(nowMs) : pass;

/** Whether the cron has something to do: a pass to finish, or today's to start. */
export function isReconcileDue({ pass, failedAtMs }: ReconcileHistory, nowMs: number): boolean {
  if (failedAtMs !== undefined && nowMs - failedAtMs < RETRY_AFTER_MS) return false;
  return pass === undefined || !isPassDone(pass) || pass.day < formatInstant(nowMs).slice(0, 10);
}
