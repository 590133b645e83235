import type { Runtime } from "@prego/core/http";
import { newId, type IdPrefix } from "@prego/core/id";
import { createLogger, type Logger } from "@prego/core/log";
import { openDatabase, type Database } from "@prego/core/store";
import { createStripeClient, readSubscription, type SubscriptionFields } from "@prego/core/stripe";
import { readSettings, type Env, type Settings } from "./env.ts";

/** Everything the worker's code works with; a test hands in its own. */
export interface Deps {
  db: Database;
  bucket: R2Bucket;
  settings: Settings;
  log: Logger;
  now: () => number;
  randomBytes: (length: number) => Uint8Array;
  newId: (prefix: IdPrefix) => string;
  fetch: typeof fetch;
  /** Stripe's own word on a subscription; undefined while no key is configured. */
  findSubscription: ((subscriptionId: string) => Promise<SubscriptionFields>) | undefined;
}

export function createDeps(env: Env, runtime: Runtime): Deps {
  const settings = readSettings(env);
  return {
    db: openDatabase(env.DB),
    bucket: env.BUCKET,
    settings,
    log: createLogger("control-plane", runtime.write, runtime.now),
    now: runtime.now,
    randomBytes: runtime.randomBytes,
    newId: (prefix) => newId(prefix, runtime.now(), runtime.randomBytes(10)),
    fetch: runtime.fetch,
    findSubscription: createSubscriptionFinder(settings, runtime.fetch),
  };
}

function createSubscriptionFinder(settings: Settings, outboundFetch: typeof fetch): Deps["findSubscription"] {
  const { stripeSecretKey: secretKey, stripeApiBase: apiBase } = settings;
  if (secretKey === undefined) return undefined;
  return async (subscriptionId) => {
    const stripe = createStripeClient({ secretKey, apiBase, fetch: outboundFetch });
    const fields = readSubscription(await stripe.subscriptions.retrieve(subscriptionId));
    if (fields === undefined) throw new Error("Stripe answered with something that is no subscription");
    return fields;
  };
}
