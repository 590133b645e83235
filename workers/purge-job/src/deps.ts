import { createAuditEntry, type AuditChange, type AuditEntry } from "@prego/core/audit";
import type { Runtime } from "@prego/core/http";
import { newId, type IdPrefix } from "@prego/core/id";
import { createLogger, type Logger } from "@prego/core/log";
import { createStripeClient } from "@prego/core/stripe";
import { readSettings, type Env } from "./env.ts";
import { openStorage, type PurgeStorage } from "./store/storage.ts";

export type StripeClient = ReturnType<typeof createStripeClient>;

/** Everything a run touches. */
export interface Deps {
  storage: PurgeStorage;
  /** Absent without a key: tenants with a customer wait at that step. */
  stripe: StripeClient | undefined;
  purgeKey: string | undefined;
  build: string | null;
  now: () => number;
  newId: (prefix: IdPrefix) => string;
  audit: (change: AuditChange) => Promise<AuditEntry>;
  log: Logger;
}

export function createDeps(env: Env, runtime: Runtime): Deps {
  const { purgeKey, stripeSecretKey, stripeApiBase, build } = readSettings(env);
  return {
    storage: openStorage(env),
    stripe:
      stripeSecretKey === undefined
        ? undefined
        : createStripeClient({ secretKey: stripeSecretKey, apiBase: stripeApiBase, fetch: runtime.fetch }),
    purgeKey,
    build,
    now: runtime.now,
    newId: (prefix) => newId(prefix, runtime.now(), runtime.randomBytes(10)),
    audit: (change) => createAuditEntry(change, { nowMs: runtime.now(), salt: runtime.randomBytes(32) }),
    log: createLogger("purge-job", runtime.write, runtime.now),
  };
}
