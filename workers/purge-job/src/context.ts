import type { KeyedNames } from "./domain/keyed-names.ts";
import type { Deps } from "./deps.ts";
import type { StepEnd } from "./store/chunks.ts";
import type { RunningPurge } from "./store/purge-runs.ts";
import type { TenantScope } from "./store/tenant-rows.ts";

/** One purge with everything its steps need. */
export interface PurgeContext {
  deps: Deps;
  purge: RunningPurge;
  scope: TenantScope;
  names: KeyedNames;
  /** For the audit row. */
  actor: string;
}

/** After one chunk: carry on, wait for something outside, or done. */
export type ChunkResult = { kind: "go on" } | { kind: "wait"; reason: string } | { kind: "completed" };

export const GO_ON: ChunkResult = { kind: "go on" };

export const endNow = (deps: Deps): StepEnd => ({ nowMs: deps.now(), traceEventId: deps.newId("trc") });
