/** The closed list of error codes; every one is documented in docs/api.md. */
export const PROBLEMS = {
  malformed_request: { status: 400, title: "The request could not be read" },
  validation_failed: { status: 400, title: "The request is not valid" },
  signature_invalid: { status: 400, title: "The signature does not match" },
  all_events_rejected: { status: 400, title: "No event was accepted" },
  unauthorized: { status: 401, title: "Credentials are missing or wrong" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  conflict: { status: 409, title: "The state does not allow this" },
  job_running: { status: 409, title: "A run of this job is under way" },
  slug_taken: { status: 409, title: "The name is taken" },
  tenant_gone: { status: 410, title: "The tenant was deleted" },
  payload_too_large: { status: 413, title: "The body is too large" },
  unsupported_media_type: { status: 415, title: "Content type not supported" },
  idempotency_key_reused: { status: 422, title: "The idempotency key was used for another request" },
  rate_limited: { status: 429, title: "Too many requests" },
  internal: { status: 500, title: "Internal error" },
  upstream_failed: { status: 502, title: "A service behind this one failed" },
  not_configured: { status: 503, title: "Not configured" },
  unavailable: { status: 503, title: "Try again later" },
} as const satisfies Record<string, { status: number; title: string }>;

/** One of the closed list of error codes. */
export type ProblemCode = keyof typeof PROBLEMS;

/** One invalid place in a request: a JSON pointer and what is expected there. Never the value itself. */
export interface FieldError {
  pointer: string;
  message: string;
}

/** What a {@link ProblemError} carries beside its code. */
export interface ProblemDetails {
  /** One sentence for the caller, without any input. */
  detail?: string;
  errors?: readonly FieldError[];
  /** Extra members of the answer, such as `run_id`. */
  members?: Readonly<Record<string, unknown>>;
  headers?: Readonly<Record<string, string>>;
  cause?: unknown;
}

/** A refusal with a code of the closed list; the one `onError` turns it into an RFC 9457 answer. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly details: ProblemDetails;

  constructor(code: ProblemCode, details: ProblemDetails = {}) {
    super(details.detail ?? PROBLEMS[code].title, { cause: details.cause });
    this.name = "ProblemError";
    this.code = code;
    this.details = details;
  }
}

/**
 * The RFC 9457 answer of a problem: `type`, `title`, `status`, `detail`, `code`, `trace_id` if one came in, `errors`.
 * @param traceId a sanitized trace id of the request, or null.
 */
export function problemResponse(problem: ProblemError, traceId: string | null): Response {
  const { status, title } = PROBLEMS[problem.code];
  const { detail, errors, members, headers } = problem.details;
  const body = {
    type: `urn:prego:problem:${problem.code}`,
    title,
    status,
    ...(detail === undefined ? {} : { detail }),
    code: problem.code,
    ...(traceId === null ? {} : { trace_id: traceId }),
    ...(errors === undefined ? {} : { errors }),
    ...members,
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...headers },
  });
}
