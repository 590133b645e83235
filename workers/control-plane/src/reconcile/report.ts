import type { JobReport } from "@prego/core/job-run";
import type { ReconcilePass } from "../domain/reconcile-pass.ts";

/** What became of one thing that differs: `planned` is a dry run's word, `unrepaired` waits for a person. */
export type Result = "planned" | "applied" | "unrepaired";

/** An undelivered event that was not known here. */
export interface EventFinding {
  event_id: string;
  type: string;
  result: Result;
}

/** A subscription in which we differ from Stripe. */
export interface SubscriptionFinding {
  subscription_id: string;
  tenant_id: string | null;
  stripe_status: string;
  differences: string[];
  result: Result;
}

/** What one run found and did. Lists are cut at a bound, counts are not. */
export interface ReconcileReport extends JobReport {
  /** Where the next run carries on; all parts null when everything was seen. */
  pass: ReconcilePass;
  /** Why the run ended before its pass did. */
  stopped: string | null;
  events: { listed: number; known: number; missed: number; list: EventFinding[] };
  subscriptions: {
    listed: number;
    same: number;
    foreign: number;
    differing: number;
    unrepaired: number;
    list: SubscriptionFinding[];
  };
  /** Tenants whose subscription Stripe does not know: reported, never changed. */
  tenants: { checked: number; unknown: number; list: { tenant_id: string; subscription_id: string }[] };
}

export const blankReport = (pass: ReconcilePass): ReconcileReport => ({
  failed: 0,
  pass,
  stopped: null,
  events: { listed: 0, known: 0, missed: 0, list: [] },
  subscriptions: { listed: 0, same: 0, foreign: 0, differing: 0, unrepaired: 0, list: [] },
  tenants: { checked: 0, unknown: 0, list: [] },
});

/** Findings of a kind that one report lists; the rest is counted. */
const FINDINGS_LISTED_MAX = 100;

export function addFinding<T>(list: T[], finding: T): void {
  if (list.length < FINDINGS_LISTED_MAX) list.push(finding);
}
