import type { StripeEnvelope, SubscriptionFields } from "@prego/core/stripe";
import type { ChangeSet } from "./change-set.ts";
import type { NodeRoom } from "./placement.ts";
import type { JobRow, SubscriptionRow, TenantRow } from "./rows.ts";
import type { StripeFact } from "./stripe-fact.ts";
import type { NewJobIds } from "./tenant-move.ts";

/** A verified event and what it means. */
export interface StripeNews {
  envelope: StripeEnvelope;
  fact: StripeFact;
  /** Who brought it, for audit rows; Stripe itself when left out. */
  actor?: string;
  /** For a state that was fetched: when, epoch seconds. A plan that it changes counts from then; an event's from the event. */
  fetchedSeconds?: number;
}

/** What is known about the things an event names, read right before it is planned. */
export interface StripeState {
  /** The subscription that the event is about. */
  subscription: SubscriptionRow | undefined;
  /** Tenant whose current subscription that is, or whose customer a charge names. */
  tenant: TenantRow | undefined;
  /** For a checkout: the tenants that its metadata and its slug point to. */
  claimedTenant: TenantRow | undefined;
  slugTenant: TenantRow | undefined;
  /** For a checkout or a subscription: the tenant of its customer. */
  customerTenant: TenantRow | undefined;
  /** Unfinished jobs of the tenant that the event may move. */
  openJobs: readonly JobRow[];
  /** Active nodes of its region. */
  nodes: readonly NodeRoom[];
  /** Whether the plan named by the metadata exists now. */
  isPlanKnown: boolean;
  /** Plans by the prices that the subscription has or had. */
  planIdByPrice: ReadonlyMap<string, string>;
}

/** Everything else that a plan depends on. */
export interface StripeContext {
  nowMs: number;
  /** Whether this deployment is in live mode. */
  livemode: boolean;
  newTenant: { tenantId: string; shortId: string };
  newJobIds: NewJobIds;
  /** Stripe's answers by subscription id. */
  asked: ReadonlyMap<string, SubscriptionFields>;
}

/** How an event is stored. */
export interface StripeOutcome {
  status: "processed" | "ignored" | "quarantined" | "failed";
  error: string | null;
  tenantId: string | null;
  traceId: string | null;
}

/** What an event does; or the subscription that Stripe must be asked about before that is known. */
export type StripePlan =
  | { kind: "ask"; subscriptionId: string }
  | { kind: "effect"; outcome: StripeOutcome; changes: ChangeSet };
