import { isGuardFailure } from "@prego/core/d1-error";
import type { JobRun } from "@prego/core/job-run";
import type { PurgeContext } from "./context.ts";
import type { Deps } from "./deps.ts";
import { deriveKeyedNames } from "./domain/keyed-names.ts";
import { LOST_RACES_MAX } from "./limits.ts";
import { takeChunk } from "./steps.ts";
import { findJourneyTraceId } from "./store/candidates.ts";
import { listSteps, type RunningPurge } from "./store/purge-runs.ts";
import { hasQueriesLeft } from "./store/storage.ts";

/** How far a run came with one purge. */
export type PurgeOutcome =
  | { kind: "completed" }
  | { kind: "waiting"; step: string; reason: string }
  | { kind: "held"; step: string; reason: string }
  | { kind: "stopped_early"; step: string }
  /** Another run has completed it, or is working on it right now. */
  | { kind: "elsewhere" };

/** Whether a run may begin another chunk: time and D1's queries are left. */
export const hasRoom = (deps: Deps, run: JobRun): boolean =>
  deps.now() < run.deadlineMs && hasQueriesLeft(deps.storage);

/** Takes chunk after chunk of a purge, asking before each one whether it still may. */
export async function carryOn(
  deps: Deps,
  run: JobRun,
  work: { purge: RunningPurge; purgeKey: string },
): Promise<PurgeOutcome> {
  const { purge, purgeKey } = work;
  const names = await deriveKeyedNames(purgeKey, purge.tenantId);
  if (names.tombstone !== purge.tombstone) {
    return { kind: "waiting", step: "any", reason: "the purge began under another PURGE_KEY" };
  }
  const journeyTraceId = await findJourneyTraceId(deps.storage, purge.tenantId);
  const scope = { tenantId: purge.tenantId, pseudonym: names.pseudonym, journeyTraceId };
  const context: PurgeContext = { deps, purge, scope, names, actor: run.actor };
  let lostRaces = 0;
  while (lostRaces < LOST_RACES_MAX) {
    const steps = await listSteps(deps.storage, purge.purgeId);
    const next = steps.find((entry) => entry.status === "pending");
    if (next === undefined) return { kind: "elsewhere" };
    const { step } = next;
    if (next.legalHold !== 0) return { kind: "held", step, reason: "legal hold" };
    if (next.tenantStatus !== "Purging") return { kind: "waiting", step, reason: "the tenant is not in Purging" };
    if (!hasRoom(deps, run)) return { kind: "stopped_early", step };
    try {
      const result = await takeChunk(context, { steps, next });
      if (result.kind === "completed") return result;
      if (result.kind === "wait") return { kind: "waiting", step, reason: result.reason };
      lostRaces = 0;
    } catch (error) {
      if (!isGuardFailure(error)) throw error;
      lostRaces += 1;
    }
  }
  return { kind: "elsewhere" };
}
