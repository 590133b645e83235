/** An error answer in Stripe's v1 envelope. Thrown by handlers, written by the request pipeline. */
export class StripeFailure extends Error {
  override readonly name = "StripeFailure";
  readonly status: number;
  readonly body: StripeErrorBody;
  /** Whether the answer belongs to the endpoint's execution, so that an idempotency key replays it. */
  readonly isSaved: boolean;
  readonly headers: Readonly<Record<string, string>>;

  constructor(init: StripeFailureInit) {
    super(init.message);
    this.status = init.status;
    this.isSaved = init.isSaved ?? false;
    this.headers = init.headers ?? {};
    this.body = {
      error: {
        ...(init.code === undefined ? {} : { code: init.code, doc_url: describeCode(init.code) }),
        message: init.message,
        ...(init.param === undefined ? {} : { param: init.param }),
        type: init.type,
      },
    };
  }
}

export interface StripeErrorBody {
  readonly error: {
    readonly code?: string;
    readonly doc_url?: string;
    readonly message: string;
    readonly param?: string;
    readonly type: string;
  };
}

export interface StripeFailureInit {
  readonly status: number;
  readonly type: "invalid_request_error" | "idempotency_error" | "api_error";
  readonly message: string;
  readonly code?: string | undefined;
  readonly param?: string | undefined;
  readonly isSaved?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

type InvalidRequest = Omit<StripeFailureInit, "status" | "type"> & { readonly status?: number };

export function createInvalidRequest(init: InvalidRequest): StripeFailure {
  return new StripeFailure({ status: 400, type: "invalid_request_error", ...init });
}

/** What Stripe calls the id in a path, where it does not call it `id`. */
const pathParams: Readonly<Record<string, string>> = {
  "checkout.session": "session",
  invoice: "invoice",
  PaymentMethod: "payment_method",
  price: "price",
};

/** 404 for an id in the path, 400 for an id in a parameter, as Stripe does. */
export function createMissingResource(kind: string, id: string, param?: string): StripeFailure {
  return createInvalidRequest({
    status: param === undefined ? 404 : 400,
    code: "resource_missing",
    param: param ?? pathParams[kind] ?? "id",
    message: `No such ${kind}: '${id}'`,
    isSaved: true,
  });
}

export function createUnknownUrl(method: string, path: string): StripeFailure {
  const slashAdvice =
    "If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an object, " +
    "make sure you passed a valid (non-empty) identifier in your code. ";
  return createInvalidRequest({
    status: 404,
    message:
      `Unrecognized request URL (${method}: ${path}). ${path.endsWith("/") ? slashAdvice : ""}` +
      "Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
  });
}

export function createServerFailure(status: number): StripeFailure {
  return new StripeFailure({
    status,
    type: "api_error",
    message: "An unknown error occurred",
    isSaved: status === 500,
  });
}

/** What Stripe's `Stripe-Rate-Limited-Reason` says; a lock that was waited for in vain has a code of its own instead. */
export const RATE_LIMIT_REASONS = [
  "global-rate",
  "global-concurrency",
  "endpoint-rate",
  "endpoint-concurrency",
  "resource-specific",
  "lock_timeout",
] as const;

export interface RateLimit {
  readonly reason?: (typeof RATE_LIMIT_REASONS)[number];
  /** Stripe promises no `Retry-After`, so there is none unless it is asked for. */
  readonly retry_after_seconds?: number;
}

export function createRateLimit({ reason = "global-rate", retry_after_seconds: seconds }: RateLimit): StripeFailure {
  const retryAfter = seconds === undefined ? {} : { "retry-after": String(seconds) };
  if (reason === "lock_timeout") {
    const message = "This object cannot be accessed right now because another API request is currently accessing it.";
    return createInvalidRequest({ status: 429, code: reason, message, headers: retryAfter });
  }
  return createInvalidRequest({
    status: 429,
    code: "rate_limit",
    message: "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
    headers: { ...retryAfter, "stripe-rate-limited-reason": reason },
  });
}

function describeCode(code: string): string {
  return `https://stripe.com/docs/error-codes/${code.replaceAll("_", "-")}`;
}
