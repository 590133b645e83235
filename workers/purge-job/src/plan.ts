import { isTenantId } from "@prego/core/id";
import { parseInstant } from "@prego/core/period";
import { TENANT_PREFIXES, TENANT_TABLES, type TenantTable } from "@prego/core/tenant-data";
import { transitionTenant, type TenantState } from "@prego/core/tenant-state";
import { STANDBY_TENANTS_MAX, TENANTS_PER_RUN_MIN, TENANTS_PER_STARTED_TENANT } from "./limits.ts";

/** A tenant as read for the decision; `purgeAfter` and `subscriptionStatus` are compared again when the purge starts. */
export interface Candidate {
  tenantId: string;
  status: TenantState;
  purgeAfter: string | null;
  legalHold: number;
  subscriptionStatus: string | null;
  traceId: string | null;
}

export type Refusal = "state" | "legal hold" | "no deadline" | "malformed deadline" | "tenant id" | "subscription";

export type Judgement = { kind: "due"; deadlineMs: number } | { kind: "not yet" } | { kind: "refuse"; reason: Refusal };

/** Decides over one tenant. Everything that is not plainly due is never purged. */
export function judgeCandidate(candidate: Candidate, dueAtMs: number): Judgement {
  const { tenantId, status, purgeAfter, legalHold, subscriptionStatus } = candidate;
  if (status !== "Pending_Deletion") return { kind: "refuse", reason: "state" };
  if (legalHold !== 0) return { kind: "refuse", reason: "legal hold" };
  if (purgeAfter === null || purgeAfter.trim() === "") return { kind: "refuse", reason: "no deadline" };
  const deadlineMs = parseInstant(purgeAfter);
  if (deadlineMs === undefined) return { kind: "refuse", reason: "malformed deadline" };
  if (!isTenantId(tenantId)) return { kind: "refuse", reason: "tenant id" };
  if (!Number.isSafeInteger(dueAtMs) || deadlineMs >= dueAtMs) return { kind: "not yet" };
  const transition = transitionTenant(status, "purge_started", { subscriptionStatus });
  if (transition.kind !== "move" || transition.to !== "Purging") return { kind: "refuse", reason: "subscription" };
  return { kind: "due", deadlineMs };
}

/** What a run starts on. */
export interface PurgePlan {
  /** Longest overdue first, at most the cap. */
  start: Candidate[];
  /** Next in order: each may take the place of one that turns out to pay again. */
  standby: Candidate[];
  cap: number;
  /** Due tenants above the cap: left alone, and a reason to look why there are so many. */
  beyondCap: number;
  /** Tenants waiting for deletion that will not be purged, by reason. */
  refused: Partial<Record<Refusal, number>>;
}

/** Picks the tenants that a run may start on; the same value is printed by a dry run. */
export function planPurge(input: {
  candidates: readonly Candidate[];
  tenantCount: number;
  dueAtMs: number;
}): PurgePlan {
  const refused: Partial<Record<Refusal, number>> = {};
  const due: { candidate: Candidate; deadlineMs: number }[] = [];
  for (const candidate of input.candidates) {
    const judgement = judgeCandidate(candidate, input.dueAtMs);
    if (judgement.kind === "due") due.push({ candidate, deadlineMs: judgement.deadlineMs });
    if (judgement.kind === "refuse") refused[judgement.reason] = (refused[judgement.reason] ?? 0) + 1;
  }
  const cap = Math.max(TENANTS_PER_RUN_MIN, Math.floor(input.tenantCount / TENANTS_PER_STARTED_TENANT));
  const ordered = due
    .toSorted((a, b) => a.deadlineMs - b.deadlineMs || (a.candidate.tenantId < b.candidate.tenantId ? -1 : 1))
    .map(({ candidate }) => candidate);
  const start = ordered.slice(0, cap);
  const standby = ordered.slice(cap, cap + STANDBY_TENANTS_MAX);
  return { start, standby, cap, beyondCap: due.length - start.length, refused };
}

const tables: readonly TenantTable[] = TENANT_TABLES;

/** Tables of a phase that a purge changes before its last batch. */
const changedTables = (phase: TenantTable["phase"]): string[] =>
  tables.filter((entry) => entry.phase === phase && entry.treatment.kind !== "retain").map((entry) => entry.table);

/** Stores that must be empty of the tenant, in the order of deletion. */
export const ERASED_STORES: readonly string[] = [
  ...TENANT_PREFIXES.map((entry) => entry.store),
  ...changedTables("data"),
  ...changedTables("after_deprovision"),
];

/** Steps of a purge, in order; a store's step bears the store's name. */
export const PURGE_STEPS: readonly string[] = [
  "block_ingest",
  ...TENANT_PREFIXES.map((entry) => entry.store),
  ...changedTables("data"),
  "stripe",
  "deprovision",
  ...changedTables("after_deprovision"),
  "relist",
  "tombstone",
  "certificate",
];

/** A step as it is stored at the start. */
export interface PlannedStep {
  position: number;
  step: string;
  status: "pending" | "done";
  planned: number;
  detail: string | null;
}

/** The start of a purge writes an audit row of its own, whose detail goes with the rest. */
const OWN_AUDIT_DETAILS = 1;

/** Counts per store as a purge will meet them, from the counts just before it starts. */
export const planCounts = (counts: Readonly<Record<string, number>>): Record<string, number> => ({
  ...counts,
  audit_details: (counts["audit_details"] ?? 0) + OWN_AUDIT_DETAILS,
});

/** The steps of one purge with what each is expected to delete; blocking is done by the batch that stores them. */
export const planSteps = (planned: Readonly<Record<string, number>>, stripe: string): PlannedStep[] =>
  PURGE_STEPS.map((step, position) => ({
    position,
    step,
    status: step === "block_ingest" ? "done" : "pending",
    planned: planned[step] ?? 0,
    detail: step === "stripe" ? stripe : null,
  }));
