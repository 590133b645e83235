import { type AuditChange, type AuditEntry, createAuditEntry } from "@prego/core/audit";
import type { Runtime } from "@prego/core/http";
import { type IdPrefix, newId } from "@prego/core/id";
import { createLogger, type Logger } from "@prego/core/log";
import type { JobLeases } from "@prego/core/job-run";
import { createJobLeases, openDatabase } from "@prego/core/store";
import { newTraceId } from "@prego/core/trace-id";
import type { Env } from "./env.ts";
import { createEvaluationStore, type EvaluationStore } from "./store/evaluations.ts";
import { createMetricsStore, type MetricsStore } from "./store/metrics.ts";

/** What the work of this worker needs from outside. */
export interface Deps {
  evaluations: EvaluationStore;
  metrics: MetricsStore;
  leases: JobLeases;
  log: Logger;
  /** Wall clock, epoch milliseconds. */
  now: () => number;
  newId: (prefix: IdPrefix) => string;
  newTraceId: () => string;
  audit: (change: AuditChange) => Promise<AuditEntry>;
}

export function createDeps(env: Env, runtime: Runtime): Deps {
  const db = openDatabase(env.DB);
  const { now, randomBytes } = runtime;
  return {
    evaluations: createEvaluationStore(db),
    metrics: createMetricsStore(db),
    leases: createJobLeases(db),
    log: createLogger("autoscaler", runtime.write, now),
    now,
    newId: (prefix) => newId(prefix, now(), randomBytes(10)),
    newTraceId: () => newTraceId(now(), randomBytes(10)),
    audit: (change) => createAuditEntry(change, { nowMs: now(), salt: randomBytes(32) }),
  };
}
