import { D1_QUERIES_PER_INVOCATION_MAX } from "@prego/core/limits";

/** Tenants a run may always start on, however few there are. */
export const TENANTS_PER_RUN_MIN = 5;
/** Above that, one tenant in this many: a wrong deadline on many rows stops here and is seen. */
export const TENANTS_PER_STARTED_TENANT = 100;

/** Rows deleted by one statement: a few hundred milliseconds of D1, and 300,000 rows fit a run's queries. */
export const ROWS_PER_CHUNK = 2_000;
/** Candidates looked at in one run, in pages; the rest is looked at when these are gone. */
export const CANDIDATE_PAGES_MAX = 20;
/** Purges under way that one run carries on. */
export const RUNNING_PURGES_MAX = 500;
/** Pages listed to count objects for the plan: a million objects; beyond that the plan is a lower bound. */
export const PLAN_LIST_PAGES_MAX = 1_000;

/** Queries kept back for the lease, the report and the batch that ends a purge. */
export const QUERIES_RESERVED = 60;
/** Queries that the chunks of one run may use. */
export const QUERIES_PER_RUN_MAX = D1_QUERIES_PER_INVOCATION_MAX - QUERIES_RESERVED;
/** Guard failures in a row before the tenant is left to whoever is working on it. */
export const LOST_RACES_MAX = 3;

/** Objects of one kind that a customer may have at Stripe before a person has to look: one page of Stripe's lists. */
export const STRIPE_PAGE_OBJECTS_MAX = 100;
/** Rounds of listing and ending what a customer still has; each round ends a whole page. */
export const STRIPE_ROUNDS_MAX = 20;
/** Pages of a customer's subscriptions, ended ones included, before a person has to look. */
export const STRIPE_SUBSCRIPTION_PAGES_MAX = 10;
/** Stored subscriptions of one tenant's customers that are looked at; the batch that starts a purge looks at all of them. */
export const LOCAL_SUBSCRIPTIONS_MAX = 1_000;
/** Due tenants beyond the cap that a run may turn to in place of those that pay again. */
export const STANDBY_TENANTS_MAX = 100;

/** How long after its deadline a purge waits for the tenant's last month to be closed and sent. */
export const UNBILLED_WAIT_MS = 7 * 24 * 60 * 60 * 1_000;
/** How long an invoice may be a draft, which is lost with its customer: Stripe charges it about an hour after it was made. */
export const INVOICE_DRAFT_MS = 24 * 60 * 60 * 1_000;

/** Stripe redacts transactions at the earliest this long after the last of them. */
export const STRIPE_REDACTION_WAIT_MS = 90 * 24 * 60 * 60 * 1_000;
/** D1 can be restored to any minute of this long; its backups cannot be edited. */
export const TIME_TRAVEL_MS = 30 * 24 * 60 * 60 * 1_000;

/** How long after its purge a tenant is looked at again: Stripe repeats webhooks for three days, writers flush within minutes. */
export const SWEEP_WINDOW_MS = 4 * 24 * 60 * 60 * 1_000;
/** Purged tenants looked at again in one run. */
export const SWEPT_TENANTS_MAX = 100;
