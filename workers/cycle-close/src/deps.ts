import type { Runtime } from "@prego/core/http";
import { createLogger, type Logger } from "@prego/core/log";
import { type Database, openDatabase } from "@prego/core/store";
import { createStripeClient } from "@prego/core/stripe";
import { type Env, readSettings } from "./env.ts";
import { countQueries } from "./store/counted-database.ts";

/** The Stripe client, as far as it is known here. */
export type StripeClient = ReturnType<typeof createStripeClient>;

/** What closing works with. */
export interface Deps {
  db: Database;
  bucket: R2Bucket;
  /** Undefined while no key is configured: cycles close, nothing is sent. */
  stripe: StripeClient | undefined;
  /** Time between the end of a cycle and its stored bound. */
  graceMs: number;
  /** Time for which Stripe keeps an invoice open after its period. */
  invoiceGraceMs: number;
  now: () => number;
  randomBytes: (length: number) => Uint8Array;
  log: Logger;
  /** D1 queries made so far. */
  queries: () => number;
  /** Calls to Stripe made so far. */
  stripeCalls: () => number;
}

/** Makes the parts of one run or request. */
export function createDeps(env: Env, runtime: Runtime): Deps {
  const counted = countQueries(env.DB);
  const { graceMs, invoiceGraceMs, stripeKey } = readSettings(env);
  let stripeCalls = 0;
  const countedFetch: typeof fetch = (input, init) => {
    stripeCalls += 1;
    return runtime.fetch(input, init);
  };
  return {
    db: openDatabase(counted.binding),
    bucket: env.BUCKET,
    stripe:
      stripeKey === undefined
        ? undefined
        : createStripeClient({ secretKey: stripeKey, apiBase: env.STRIPE_API_BASE, fetch: countedFetch }),
    graceMs,
    invoiceGraceMs,
    now: runtime.now,
    randomBytes: runtime.randomBytes,
    log: createLogger("cycle-close", runtime.write, runtime.now),
    queries: counted.queries,
    stripeCalls: () => stripeCalls,
  };
}
