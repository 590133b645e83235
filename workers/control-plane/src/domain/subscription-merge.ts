import { formatInstant } from "@prego/core/period";
import type { SubscriptionFields } from "@prego/core/stripe";
import type { SubscriptionRow } from "./rows.ts";

/** A state of a subscription and when Stripe held it. */
export interface SubscriptionNews {
  fields: SubscriptionFields;
  /** `created` of the event, epoch seconds. */
  asOfSeconds: number;
}

/** Whether news replace what is known, are older or the same, or leave a doubt that only Stripe can settle. */
export type SubscriptionMerge =
  | { kind: "take"; after: SubscriptionRow }
  | { kind: "keep" }
  | { kind: "ask"; subscriptionId: string };

export interface MergeContext {
  nowMs: number;
  /** Stripe's own answer about this subscription, if it was asked. */
  asked: SubscriptionFields | undefined;
}

/** Stripe never revives a canceled subscription. */
const isFinal = (status: string): boolean => status === "canceled";

/** Whether a tenant whose subscription has this status may take another one. */
export const isEnded = (status: string): boolean => isFinal(status) || status === "incomplete_expired";

/**
 * Keeps the newest state whatever the order of arrival: an end is final, later seconds win. Two different states of one
 * second cannot be ordered, so Stripe is asked; its answer counts for that second, so that nothing later is lost.
 */
export function mergeSubscription(
  known: SubscriptionRow | undefined,
  news: SubscriptionNews,
  { nowMs, asked }: MergeContext,
): SubscriptionMerge {
  const after = toRow(news, known, nowMs);
  if (known === undefined) return { kind: "take", after };
  if (isFinal(known.status)) return isFinal(after.status) ? learn(known, after) : { kind: "keep" };
  if (isFinal(after.status) || news.asOfSeconds > known.stateAsOf) return { kind: "take", after };
  if (news.asOfSeconds < known.stateAsOf) return { kind: "keep" };
  if (isSameState(known, after)) return learn(known, after);
  if (asked === undefined) return { kind: "ask", subscriptionId: known.subscriptionId };
  const settled = toRow({ fields: asked, asOfSeconds: known.stateAsOf }, known, nowMs);
  return isSameState(known, settled) ? learn(known, settled) : { kind: "take", after: settled };
}

/** The same state once more: taken only if it says what is unknown of it, as in a row from before these columns. */
function learn(known: SubscriptionRow, after: SubscriptionRow): SubscriptionMerge {
  const currentPeriodStart = after.currentPeriodStart ?? known.currentPeriodStart;
  const priceIds = after.priceIds ?? known.priceIds;
  const isNew = (name: "currentPeriodStart" | "priceIds"): boolean => known[name] === null && after[name] !== null;
  if (!isNew("currentPeriodStart") && !isNew("priceIds")) return { kind: "keep" };
  return { kind: "take", after: { ...after, currentPeriodStart, priceIds } };
}

function toRow(news: SubscriptionNews, known: SubscriptionRow | undefined, nowMs: number): SubscriptionRow {
  const { fields, asOfSeconds } = news;
  return {
    subscriptionId: fields.id,
    customerId: fields.customerId,
    tenantId: known?.tenantId ?? null,
    status: fields.status,
    priceId: fields.priceId ?? null,
    // An end that overtakes a newer state must not make the newest known second go back.
    stateAsOf: Math.max(asOfSeconds, known?.stateAsOf ?? 0),
    updatedAt: formatInstant(nowMs),
    ...periodAndPrices(fields),
  };
}

/** What of a state is null while unknown, as the row writes it. */
export const periodAndPrices = (
  fields: SubscriptionFields,
): Pick<SubscriptionRow, "currentPeriodStart" | "currentPeriodEnd" | "priceIds"> => ({
  currentPeriodStart: toInstant(fields.currentPeriodStartSeconds),
  currentPeriodEnd: toInstant(fields.currentPeriodEndSeconds),
  priceIds: fields.priceIds === undefined ? null : JSON.stringify(fields.priceIds),
});

const toInstant = (seconds: number | undefined): string | null =>
  seconds === undefined ? null : formatInstant(seconds * 1_000);

const isSameState = (left: SubscriptionRow, right: SubscriptionRow): boolean =>
  left.status === right.status &&
  left.currentPeriodEnd === right.currentPeriodEnd &&
  left.priceId === right.priceId &&
  left.customerId === right.customerId &&
  agree(left.currentPeriodStart, right.currentPeriodStart) &&
  agree(left.priceIds, right.priceIds);

/** What one of the two does not know is no difference. */
const agree = (left: string | null, right: string | null): boolean => left === null || right === null || left === right;
