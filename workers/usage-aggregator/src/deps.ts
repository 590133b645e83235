import { type AuditChange, type AuditEntry, createAuditEntry } from "@prego/core/audit";
import type { Runtime } from "@prego/core/http";
import { type IdPrefix, newId } from "@prego/core/id";
import type { JobLeases } from "@prego/core/job-run";
import { createLogger, type Logger } from "@prego/core/log";
import { createJobLeases, openDatabase } from "@prego/core/store";
import type { Env } from "./env.ts";
import { createObjectStore, type ObjectStore } from "./store/objects.ts";
import { createRawUsage, type RawUsage } from "./store/raw-usage.ts";
import { createReconcileStore, type ReconcileStore } from "./store/reconcile.ts";
import { createRollupStore, type RollupStore } from "./store/rollups.ts";
import { createSession } from "./store/session.ts";

/** What the work of this worker needs from outside. */
export interface Deps {
  objects: ObjectStore;
  rollups: RollupStore;
  reconcile: ReconcileStore;
  raw: RawUsage;
  leases: JobLeases;
  /** D1 statements so far. */
  statements: () => number;
  log: Logger;
  /** Wall clock, epoch milliseconds. */
  now: () => number;
  newId: (prefix: IdPrefix) => string;
  audit: (change: AuditChange) => Promise<AuditEntry>;
}

export function createDeps(env: Env, runtime: Runtime): Deps {
  const db = openDatabase(env.DB);
  const session = createSession(db);
  const { now, randomBytes } = runtime;
  return {
    objects: createObjectStore(session),
    rollups: createRollupStore(session),
    reconcile: createReconcileStore(session),
    raw: createRawUsage(env.BUCKET),
    leases: createJobLeases(db),
    statements: session.statements,
    log: createLogger("usage-aggregator", runtime.write, now),
    now,
    newId: (prefix) => newId(prefix, now(), randomBytes(10)),
    audit: (change) => createAuditEntry(change, { nowMs: now(), salt: randomBytes(32) }),
  };
}
