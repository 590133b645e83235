/** What Stripe answers about a sum: decimal text as the client shows it, or why there is none. */
export type StripeSum = { kind: "sum"; value: string } | { kind: "unknown"; reason: string };

/** A row of the outbox as far as a comparison needs it. */
export interface SentValue {
  status: "pending" | "sent" | "rejected" | "failed";
  /** Whole units as text. */
  value: string;
  updatedAtMs: number;
}

/**
 * The sum that was sent, or undefined while it cannot be compared: a call is still to come, or Stripe may not have counted the
 * last one yet. What was rejected is not in Stripe's sum either.
 */
export function sumSent(rows: readonly SentValue[], countedBeforeMs: number): bigint | undefined {
  const sent = rows.filter(({ status }) => status === "sent");
  const isUnsettled = rows.some(({ status }) => status === "pending");
  if (isUnsettled || sent.some(({ updatedAtMs }) => updatedAtMs > countedBeforeMs)) return undefined;
  return sent.reduce((sum, { value }) => sum + BigInt(value), 0n);
}

/** How Stripe's sum differs from what was sent; null when it does not. */
export function describeDifference(sent: bigint, stripe: StripeSum): string | null {
  if (stripe.kind === "unknown") return stripe.reason;
  return stripe.value === sent.toString() ? null : `sum_differs: sent ${sent}, Stripe holds ${stripe.value}`;
}
