import { parseInstant } from "@prego/core/period";
import type { Deps } from "./deps.ts";
import { deriveKeyedNames } from "./domain/keyed-names.ts";
import { planCounts, planSteps, type Candidate } from "./plan.ts";
import { UNBILLED_WAIT_MS } from "./limits.ts";
import { findJourneyTraceId, findStripeIds } from "./store/candidates.ts";
import { countObjects } from "./store/objects.ts";
import { startPurge, type RunningPurge } from "./store/purge-runs.ts";
import { countResidue } from "./store/tenant-rows.ts";
import { findUnbilled } from "./store/unbilled.ts";
import { checkSubscriptions, recordRefusal } from "./subscription-check.ts";

/** A purge that began, or why it did not; the tenant is then left as it was. */
export type Beginning =
  | { kind: "begun"; purge: RunningPurge }
  | { kind: "subscription_alive" }
  | { kind: "unbilled"; reason: string }
  | { kind: "waiting"; reason: string };

/** Asks about subscriptions, counts what is there and starts a purge. @throws a guard failure when the tenant changed meanwhile. */
export async function beginPurge(
  deps: Deps,
  begin: { candidate: Candidate; purgeId: string; purgeKey: string; dueAtMs: number; actor: string },
): Promise<Beginning> {
  const { candidate, purgeId, purgeKey, dueAtMs, actor } = begin;
  const { tenantId, traceId } = candidate;
  const check = await checkSubscriptions(deps, tenantId);
  if (check.kind === "subscription_alive") {
    await recordRefusal(deps, { candidate, subscriptions: check.subscriptions, actor });
    return { kind: "subscription_alive" };
  }
  if (check.kind === "waiting") return check;
  const unbilled = await findUnbilled(deps.storage, tenantId, dueAtMs);
  if (unbilled !== undefined && isBillAwaited(candidate, dueAtMs)) return { kind: "unbilled", reason: unbilled };
  const { tombstone } = await deriveKeyedNames(purgeKey, tenantId);
  const planned = await countStores(deps, tenantId);
  const stripe = JSON.stringify(await findStripeIds(deps.storage, tenantId));
  const audit = await deps.audit({
    actor,
    action: "purge.started",
    target: `purge_runs/${purgeId}`,
    tenantId,
    traceId,
    detail: { deadline: candidate.purgeAfter, stores: planned, ...(unbilled === undefined ? {} : { unbilled }) },
  });
  const purge = await startPurge(deps.storage, {
    candidate,
    purgeId,
    tombstone,
    planned,
    steps: planSteps(planned, stripe),
    nowMs: deps.now(),
    audit: [audit],
    traceEventId: deps.newId("trc"),
  });
  return { kind: "begun", purge };
}

/** The last bill may come a little after the deadline; a bill that never comes does not keep a tenant's data. */
const isBillAwaited = ({ purgeAfter }: Candidate, dueAtMs: number): boolean =>
  dueAtMs < (parseInstant(purgeAfter ?? "") ?? 0) + UNBILLED_WAIT_MS;

/** What a purge of the tenant would delete, per store. */
export async function countStores(deps: Deps, tenantId: string): Promise<Record<string, number>> {
  const journeyTraceId = await findJourneyTraceId(deps.storage, tenantId);
  const objects = await countObjects(deps.storage, tenantId);
  const rows = await countResidue(deps.storage, { tenantId, pseudonym: "", journeyTraceId });
  return planCounts({ ...objects, ...rows });
}
