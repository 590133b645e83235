import type { AuditChange } from "@prego/core/audit";
import type { JobRow, SubscriptionRow, TenantRow } from "./rows.ts";

/** A tenant that is made or changed; `before` is what the change was decided on, and must still hold when it is written. */
export type TenantChange =
  | { kind: "create"; row: TenantRow }
  | { kind: "update"; before: TenantRow; set: Partial<TenantRow> };

/** That a tenant had a plan from an instant on. Statements are only ever added: their times, not their arrival, decide. */
export interface PlanStatement {
  tenantId: string;
  planId: string;
  effectiveFrom: string;
  /** Id of the event that says so, or `signup`. */
  source: string;
}

/** The newest state of a subscription; `before` as for a tenant, undefined when it was not known. */
export interface SubscriptionChange {
  before: SubscriptionRow | undefined;
  after: SubscriptionRow;
}

/**
 * A job that is queued (with its dispatch, unless it waits for capacity), called off, or moved on; `dispatch` says that its
 * first dispatch is written with it, or that the one it had is sent again.
 */
export type JobChange =
  | { kind: "queue"; job: JobRow }
  | { kind: "cancel"; job: JobRow }
  | { kind: "update"; before: JobRow; set: Partial<JobRow>; dispatch?: "first" | "again" };

/** What must hold in the transaction beside the rows that are changed. */
export type Precondition =
  | { kind: "subscription_unknown"; subscriptionId: string }
  | { kind: "no_tenant_has_subscription"; subscriptionId: string }
  | { kind: "node_has_room"; nodeId: string }
  | { kind: "node_exists"; nodeId: string };

export interface TraceDraft {
  eventType: string;
  traceId: string | null;
  tenantId?: string | null;
  jobId?: string | null;
  level?: "info" | "warn" | "error";
  message?: string;
  payload?: Record<string, unknown>;
}

export interface FunnelDraft {
  eventType: string;
  source: "cp" | "stripe_webhook";
  traceId: string | null;
  tenantId: string | null;
  jobId?: string | null;
  success?: boolean;
  payload?: Record<string, unknown>;
}

/** Everything one decision changes. It is written in one batch, in this order, or not at all. */
export interface ChangeSet {
  preconditions: Precondition[];
  tenant: TenantChange | null;
  subscription: SubscriptionChange | null;
  plans: PlanStatement[];
  jobs: JobChange[];
  trace: TraceDraft[];
  audit: AuditChange[];
  funnel: FunnelDraft[];
}

export const emptyChangeSet = (): ChangeSet => ({
  preconditions: [],
  tenant: null,
  subscription: null,
  plans: [],
  jobs: [],
  trace: [],
  audit: [],
  funnel: [],
});
