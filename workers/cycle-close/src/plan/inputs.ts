import type { Cycle } from "@prego/core/period";
import type { Price } from "@prego/core/pricing";
import type { QuantityMicros } from "@prego/core/quantity";
import type { LinePart } from "./line-part.ts";
import type { LineSnapshot } from "./snapshot.ts";

/** How the hours of a cycle make one quantity. */
export type Aggregation = LineSnapshot["aggregation"];

/** What a plan version includes and charges for one meter. */
export interface PlanMeter {
  meterKey: string;
  /** Own allowance of the meter; used before the pool. */
  included: QuantityMicros;
  price: Price;
  /** Weight of one unit in the plan's pool; null means not pooled. */
  poolWeight: string | null;
  stripeEventName: string | null;
  /** Metered price by which Stripe bills it; null when nobody said. */
  stripePriceId: string | null;
}

/** A plan version in force. */
export interface PlanVersion {
  planId: string;
  version: number;
  currency: string;
  billingMode: LineSnapshot["billing_mode"];
  /** Price of the plan itself; null for one that is free or not sold at Stripe. */
  stripePriceId: string | null;
  /** Weighted micro-units; null means no pool. */
  poolIncluded: bigint | null;
  meters: readonly PlanMeter[];
}

/** A meter as it is defined. */
export interface MeterDefinition {
  aggregation: Aggregation;
  unit: string;
}

/** A tenant's rollups of one meter in one part of a cycle, combined over its hours. */
export interface MeterUsage {
  meterKey: string;
  qty: QuantityMicros;
  events: bigint;
  maxQty: QuantityMicros | null;
  lastQty: QuantityMicros | null;
  /** When the last value was reported, epoch milliseconds; null together with it. */
  lastAtMs: number | null;
  /** Distinct values that the cycle had first in this part. */
  newValues: bigint;
  /** SHA-256 over the rollup rows, hex. */
  digest: string;
}

/** Late usage of one meter and one part of a closed cycle that no close has billed yet. */
export interface LateUsage {
  meterKey: string;
  correctedCycle: Cycle;
  /** Part of the corrected cycle in which it happened. */
  part?: LinePart;
  /** Of a distinct-count meter, the values that were new to the cycle. */
  qty: QuantityMicros;
  events: bigint;
  /** Largest value, and the last one with its time; absent where a row does not say. */
  maxQty?: QuantityMicros;
  last?: { qty: QuantityMicros; atMs: number };
  /** SHA-256 over the adjustment rows, hex. */
  digest: string;
}

/** A line that an earlier close wrote. */
export interface StoredLine {
  meterKey: string;
  cycle: Cycle;
  correctedCycle: Cycle;
  qty: QuantityMicros;
  overage: QuantityMicros;
  currency: string;
  snapshot: LineSnapshot;
}

/** A part of a cycle: the plan version in force and what was used in it. */
export interface PartInputs {
  part: LinePart;
  plan: PlanVersion;
  usage: readonly MeterUsage[];
}

/** What Stripe prices meter events by: the tenant's live subscription, as our tables know it. */
export interface LivePlan {
  planId: string;
  /** From when on this subscription is known to have had this plan without a break; null when nothing says otherwise. */
  sinceMs: number | null;
  /** By meter, what the version in force sends to billing meters; empty when it sends nothing there. */
  eventNames: ReadonlyMap<string, string | null>;
  /** By meter, the metered price that the version in force names. */
  meterPrices: ReadonlyMap<string, string | null>;
  /** Meters whose prices the subscription is known not to have. */
  unpricedMeters: ReadonlySet<string>;
  /** What Stripe invoices next; null while no event said so. */
  period: BillingPeriod | null;
  /** How long an invoice stays open after its period. */
  invoiceGraceMs: number;
  /** When all this was asked, epoch milliseconds. */
  askedAtMs: number;
}

/** The running period of a subscription, epoch milliseconds; the end may be unknown. */
export interface BillingPeriod {
  startMs: number;
  endMs: number | null;
}

/** Everything that decides what one tenant owes for one cycle. */
export interface TenantCloseInputs {
  tenantId: string;
  stripeCustomerId: string | null;
  /** Null when Stripe makes no invoices of a subscription. */
  live: LivePlan | null;
  cycle: Cycle;
  /** At least one, by time; together they are the cycle. */
  parts: readonly PartInputs[];
  meters: ReadonlyMap<string, MeterDefinition>;
  late: readonly LateUsage[];
  /** Lines of every cycle that `late` corrects. */
  stored: readonly StoredLine[];
  /** Parts of corrected cycles that were never closed for the tenant; no usage of theirs. */
  earlierParts: ReadonlyMap<Cycle, readonly PartInputs[]>;
}

/** Why a tenant cannot be closed. */
export type TenantCloseReason =
  | "objects_pending"
  | "plan_missing"
  | "plan_invalid"
  | "snapshot_invalid"
  | "rollup_incomplete"
  | "too_many_meters"
  | "earlier_cycle_open"
  | "stripe_customer_missing"
  | "stripe_event_name_missing"
  | "value_too_large";

/** One tenant's close is not possible now; the others go on. */
export class TenantCloseError extends Error {
  readonly reason: TenantCloseReason;

  constructor(reason: TenantCloseReason, subject: string) {
    super(`${reason}: ${subject}`);
    this.name = "TenantCloseError";
    this.reason = reason;
  }
}
