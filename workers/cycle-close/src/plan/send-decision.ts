import { EVENT_AGE_MS_MAX, STRIPE_KEY_REUSE_MS_MAX } from "@prego/core/limits";
import { RETRY_AFTER_MS_MAX, SUM_DELAY_MS } from "../limits.ts";
import type { StripeFailure } from "./stripe-failure.ts";

/** What a decision needs to know of an outbox row. */
export interface SendState {
  mode: "meter_event" | "invoice_item";
  identifier: string;
  /** When the first call under the current key was about to be made; null: no call was ever made. */
  intentAtMs: number | null;
  keyEpoch: number;
  /** Attempts, the one under way included. */
  attempts: number;
  /** An operator sends it again: an earlier call may have been taken after all. */
  mustLookUp: boolean;
  /** Time of the meter event; null for an invoice item. */
  eventAtMs: number | null;
  /** When the invoice of that time is final; null for an invoice item, and while nothing says when. */
  finalAtMs: number | null;
}

/** What to do with a due row. */
export type SendDecision = { kind: "send" } | { kind: "look_up" } | { kind: "reject"; reason: string };

/** What a look-up found at Stripe. */
export type Finding =
  | { kind: "found"; stripeId: string }
  | { kind: "absent" }
  | { kind: "different"; reason: string }
  | { kind: "unknown"; reason: string };

/** How a row ends an attempt. */
export type SendOutcome =
  | { kind: "sent"; stripeId: string }
  | { kind: "rejected"; reason: string }
  | { kind: "retry"; reason: string; atMs: number };

/** What stops a run from sending on. */
export type SendStop = { kind: "released"; reason: string; atMs: number };

const TOO_OLD = "timestamp_too_far_in_past: Stripe takes meter events of the last 35 days";
const INVOICED = "period_invoiced: the invoice of the event's time is final, Stripe would put it on none";
const MINUTE_MS = 60 * 1_000;
const HOUR_MS = 60 * MINUTE_MS;

const BACKOFF_MS_MAX = 24 * HOUR_MS;
/** Waits after the first attempts. With the longest one they outlive Stripe's memory of a key, so of a saved 500 too. */
const BACKOFF_MS = [MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS];

/**
 * A row never tried, or whose intent is younger than Stripe's memory of keys, is sent under its key: a repeat is harmless.
 * An older one may have been taken by a Stripe that has forgotten the key, so it is looked up first.
 */
export function decideSend(row: SendState, nowMs: number): SendDecision {
  if (row.mustLookUp) return { kind: "look_up" };
  const tooLate = findTooLate(row, nowMs);
  if (row.intentAtMs === null) return tooLate === undefined ? { kind: "send" } : { kind: "reject", reason: tooLate };
  const isForgotten = nowMs - row.intentAtMs >= STRIPE_KEY_REUSE_MS_MAX;
  return tooLate !== undefined || isForgotten ? { kind: "look_up" } : { kind: "send" };
}

/** Why Stripe would not take a meter event any more, or would put it on no invoice. */
function findTooLate({ eventAtMs, finalAtMs }: SendState, nowMs: number): string | undefined {
  if (eventAtMs !== null && nowMs - eventAtMs > EVENT_AGE_MS_MAX) return TOO_OLD;
  return finalAtMs !== null && nowMs > finalAtMs ? INVOICED : undefined;
}

/** What follows from a look-up: `renew` stores a new intent and sends under a new key. */
export function decideAfterLookUp(row: SendState, finding: Finding, nowMs: number): SendOutcome | { kind: "renew" } {
  switch (finding.kind) {
    case "found":
      return { kind: "sent", stripeId: finding.stripeId };
    case "different":
      return { kind: "rejected", reason: finding.reason };
    case "unknown":
      return retryLater(row, finding.reason, nowMs);
    case "absent": {
      const tooLate = findTooLate(row, nowMs);
      if (tooLate === undefined) return { kind: "renew" };
      // Stripe counts an event some time after it took it: nobody may bill by hand what it will still count.
      const mayBeCounted = row.intentAtMs !== null && nowMs - row.intentAtMs < SUM_DELAY_MS;
      return mayBeCounted ? retryLater(row, "not_counted_yet", nowMs) : { kind: "rejected", reason: tooLate };
    }
  }
}

/** The idempotency key of an invoice item: the identifier, and from the second key on its number. */
export const idempotencyKey = (row: Pick<SendState, "identifier" | "keyEpoch">): string =>
  row.keyEpoch === 0 ? row.identifier : `${row.identifier}-${row.keyEpoch}`;

/** Stripe's identifier of a meter event: Stripe may have taken, and later refused, what was sent before a resend. */
export const eventIdentifier = (identifier: string, resends: number | undefined): string =>
  resends === undefined ? identifier : `${identifier}-r${resends}`;

/** What a refused or unanswered call means for its row; `released` means that the whole run must stop sending. */
export function decideFailure(row: SendState, failure: StripeFailure, nowMs: number): SendOutcome | SendStop {
  switch (failure.kind) {
    case "duplicate":
      return { kind: "sent", stripeId: row.identifier };
    case "refused":
      return { kind: "rejected", reason: failure.reason };
    case "unclear":
      return retryLater(row, failure.reason, nowMs);
    case "rate_limited": {
      const waitMs = failure.retryAfterMs < RETRY_AFTER_MS_MAX ? failure.retryAfterMs : RETRY_AFTER_MS_MAX;
      return { kind: "released", reason: failure.reason, atMs: nowMs + waitMs };
    }
    case "unauthorized":
      return { kind: "released", reason: failure.reason, atMs: nowMs };
  }
}

/** There is no last attempt: what Stripe has not refused is owed, however long Stripe does not answer. */
function retryLater(row: SendState, reason: string, nowMs: number): SendOutcome {
  return { kind: "retry", reason, atMs: nowMs + (BACKOFF_MS[row.attempts - 1] ?? BACKOFF_MS_MAX) };
}
