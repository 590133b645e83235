/** Times an event is planned again after someone else changed what it read; then Stripe is asked to send it again. */
export const PLAN_ATTEMPTS_MAX = 3;
/** Questions to Stripe for one event: its own subscription, and the one its tenant had before. */
export const STRIPE_QUESTIONS_MAX = 2;
/** Metered prices of a plan: Stripe gives a subscription 20 items, and the first is the plan's own price. */
export const METERED_PRICES_MAX = 19;
/** How far ahead a version may take effect: none can come before it, so a mistyped year would lock the plan. */
export const PLAN_AHEAD_MS_MAX = 366 * 24 * 60 * 60 * 1_000;

/** Open jobs of one tenant: at most one of a kind, by index. */
export const OPEN_JOBS_MAX = 2;
/** Active nodes of a region that placement compares. */
export const PLACEMENT_NODES_MAX = 500;

/** Dispatches sent in one go: the webhook's answer and a cron tick both wait for them. */
export const DISPATCHES_PER_RUN_MAX = 20;
/** A sender that died holds its row this long; then the next one takes it. */
export const DISPATCH_LEASE_MS = 2 * 60 * 1_000;
/** First pause after a failed dispatch; it doubles each time. */
export const DISPATCH_BACKOFF_MS = 60 * 1_000;
/** Longest pause between two attempts. */
export const DISPATCH_BACKOFF_MS_MAX = 60 * 60 * 1_000;
/** GitHub takes at most 25 inputs. */
export const DISPATCH_INPUTS_MAX = 25;

/** A dispatched job that nobody claimed is dispatched again after this: queues of runners are shorter. */
export const CLAIM_WAIT_MS_MAX = 15 * 60 * 1_000;
/** Dispatches of one job before it is failed for a person to look at. */
export const JOB_DISPATCHES_MAX = 5;
/** GitHub ends a job after six hours; a claimed job that says nothing for longer is dead. */
export const JOB_SILENCE_MS_MAX = 6 * 60 * 60 * 1_000;
/** Jobs that one cron tick looks at, of each kind of trouble. */
export const JOBS_PER_TICK_MAX = 50;

/** Audit rows sealed in one cron tick. */
export const AUDIT_SEALS_PER_TICK_MAX = 500;

/** Calls to Stripe that one reconcile makes; the rest is for the next tick. */
export const RECONCILE_CALLS_PER_RUN_MAX = 100;
/** Changes that one reconcile makes: each is some 20 of the 1,000 queries that D1 gives an invocation. */
export const RECONCILE_CHANGES_PER_RUN_MAX = 20;
