/** Slug checks a client may make at once: one per key typed, and a page that is reloaded. */
export const SLUG_CHECKS_BURST_MAX = 30;
/** Time after which one more slug check is allowed: about as fast as one types. */
export const SLUG_CHECK_REFILL_MS = 1_000;
/** Signups a client may attempt at once: an office behind one address, and retries of a form. */
export const SIGNUPS_BURST_MAX = 20;
/** Time after which one more signup is allowed; a person needs longer to fill in the form. */
export const SIGNUP_REFILL_MS = 6_000;
/** Clients that one isolate remembers; the one seen longest ago is forgotten first. */
export const RATE_LIMIT_CLIENTS_MAX = 10_000;

/** Longest name of a tenant, as for those that a payment creates. */
export const NAME_CHARS_MAX = 200;
/** Longest e-mail address of RFC 5321. */
export const EMAIL_CHARS_MAX = 254;
/** Longest return address that is passed to Stripe, which takes 5,000 characters. */
export const RETURN_URL_CHARS_MAX = 2_000;

/** Funnel events in one ingest request: with their payloads they fill a body of 64 kB. */
export const FUNNEL_EVENTS_PER_REQUEST_MAX = 100;
/** How far a signed request's clock may be off, on either side. */
export const FUNNEL_SIGNATURE_TOLERANCE_SECONDS = 300;
/** Days of one summary: a quarter and a week; both periods are counted in one query. */
export const FUNNEL_SUMMARY_DAYS_MAX = 100;
/** Days of a summary when the caller does not say. */
export const FUNNEL_SUMMARY_DAYS_DEFAULT = 30;
/** Error codes that a summary lists, most frequent first. */
export const FUNNEL_SUMMARY_ERRORS_MAX = 20;

/** Provision jobs shown with a tenant: a life has a handful. */
export const TENANT_JOBS_SHOWN_MAX = 20;
