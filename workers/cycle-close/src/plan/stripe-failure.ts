/**
 * What an error of the Stripe client means: `duplicate` the meter event is there already; `refused` Stripe said no and will
 * again; `unclear` it may or may not have happened; `rate_limited` and `unauthorized` concern every other call too.
 */
export type StripeFailure =
  | { kind: "duplicate" }
  | { kind: "refused"; reason: string }
  | { kind: "unclear"; reason: string }
  | { kind: "rate_limited"; reason: string; retryAfterMs: number }
  | { kind: "unauthorized"; reason: string };

/** The fields of a Stripe error that count; an error of another kind has none. */
export interface StripeErrorFields {
  statusCode: number | undefined;
  code: string | undefined;
  type: string | undefined;
  message: string;
  retryAfter: string | undefined;
}

type Mode = "meter_event" | "invoice_item";

const RETRY_AFTER_MS_DEFAULT = 30_000;

/** Reads the meaning of an error of one call. */
export function classifyStripeError(error: StripeErrorFields, mode: Mode): StripeFailure {
  const { statusCode: status } = error;
  const reason = describe(error, mode);
  if (status === undefined || status >= 500 || status < 400) return { kind: "unclear", reason };
  if (status === 401 || status === 403) return { kind: "unauthorized", reason };
  if (status === 429) return { kind: "rate_limited", reason, retryAfterMs: readRetryAfter(error.retryAfter) };
  // Another call with this key is under way: its result is the result.
  if (status === 409) return { kind: "unclear", reason };
  if (mode === "meter_event" && status === 400 && /already exists/i.test(error.message)) return { kind: "duplicate" };
  return { kind: "refused", reason };
}

function readRetryAfter(text: string | undefined): number {
  // oxlint-disable-next-line house/no-float -- seconds to wait
  return text !== undefined && /^[0-9]{1,5}$/.test(text) ? Number.parseInt(text, 10) * 1_000 : RETRY_AFTER_MS_DEFAULT;
}

/** Stripe's own code and status. Its message may hold the customer's data, so only meter refusals, which have no code, keep it. */
function describe({ statusCode, code, type, message }: StripeErrorFields, mode: Mode): string {
  const name = code ?? type ?? "no_answer";
  const isKept = mode === "meter_event" && code === undefined && statusCode === 400;
  const detail = isKept ? ` ${message.slice(0, 120)}` : "";
  return `${name} (${statusCode === undefined ? "no status" : String(statusCode)})${detail}`;
}

/** A question that Stripe refused is not answered: what was asked for may be there. */
export const asUnanswered = (failure: StripeFailure): StripeFailure =>
  failure.kind === "refused" ? { kind: "unclear", reason: `look_up_refused: ${failure.reason}` } : failure;
