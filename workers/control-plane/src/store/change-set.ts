import { sql, type SQL } from "drizzle-orm";
import { createAuditEntry, type AuditChange } from "@prego/core/audit";
import { redactFunnelPayload } from "@prego/core/funnel";
import { newId } from "@prego/core/id";
import { formatInstant } from "@prego/core/period";
import { stripeSubscriptions, tenantsMaster } from "@prego/core/schema";
import { appendAudit, appendTrace, requireChanged, requireTrue, type Statement } from "@prego/core/store";
import type { Deps } from "../deps.ts";
import type { ChangeSet, FunnelDraft, PlanStatement, Precondition, TraceDraft } from "../domain/change-set.ts";
import type { SubscriptionRow, TenantRow } from "../domain/rows.ts";
import { type FunnelInsert, funnelStatement } from "./funnel-events.ts";
import { jobStatements } from "./job-changes.ts";

/** What it takes to write: storage, randomness for salts, and ids. */
export type WriteDeps = Pick<Deps, "db" | "randomBytes" | "newId">;

/**
 * Statements of one decision, for one batch. Every row that is changed must still be as it was when the change was decided;
 * otherwise the batch fails as a whole and the caller decides anew.
 */
export async function changeSetStatements(deps: WriteDeps, changes: ChangeSet, nowMs: number): Promise<Statement[]> {
  return [
    ...tenantStatements(deps, changes.tenant),
    ...changes.preconditions.map((precondition) => preconditionStatement(precondition)),
    ...subscriptionStatements(deps, changes.subscription),
    ...changes.plans.map((plan) => planStatement(plan, nowMs)),
    ...changes.jobs.flatMap((change) => jobStatements(deps, change, nowMs)),
    ...traceStatements(deps, changes.trace, nowMs),
    ...(changes.funnel.length === 0 ? [] : [funnelStatement(changes.funnel.map((draft) => toFunnelRow(draft, nowMs)))]),
    ...(await auditStatements(deps, changes.audit, nowMs)),
  ];
}

export async function auditStatements(
  deps: WriteDeps,
  audit: readonly AuditChange[],
  nowMs: number,
): Promise<Statement[]> {
  const entries = audit.map((change) => createAuditEntry(change, { nowMs, salt: deps.randomBytes(32) }));
  return appendAudit(await Promise.all(entries));
}

/** Ids of one batch sort in its order: the first random byte counts up. */
export function traceStatements(deps: WriteDeps, trace: readonly TraceDraft[], nowMs: number): Statement[] {
  const events = trace.map((draft, index) => {
    const random = deps.randomBytes(10);
    random[0] = index;
    return { ...draft, id: newId("trc", nowMs, random), nowMs, source: "control-plane" };
  });
  return appendTrace(events);
}

function tenantStatements({ db }: WriteDeps, change: ChangeSet["tenant"]): Statement[] {
  if (change === null) return [];
  if (change.kind === "create") return [db.insert(tenantsMaster).values(change.row)];
  return [db.update(tenantsMaster).set(change.set).where(isUnchangedTenant(change.before)), requireChanged()];
}

/** One comparison for all columns that a decision rests on; ids, words and instants are the same text on both sides. */
const isUnchangedTenant = (before: TenantRow): SQL =>
  sql`tenant_id = ${before.tenantId} AND json_array(status, plan_id, provisioned_at, node_id, stripe_subscription_id,
    subscription_status, current_period_end, purge_after) = ${JSON.stringify([
      before.status,
      before.planId,
      before.provisionedAt,
      before.nodeId,
      before.stripeSubscriptionId,
      before.subscriptionStatus,
      before.currentPeriodEnd,
      before.purgeAfter,
    ])}`;

function planStatement({ tenantId, planId, effectiveFrom, source }: PlanStatement, nowMs: number): Statement {
  return sql`INSERT INTO tenant_plans (tenant_id, effective_from, ordinal, plan_id, source, recorded_at)
    SELECT ${tenantId}, ${effectiveFrom}, coalesce(max(ordinal) + 1, 0), ${planId}, ${source}, ${formatInstant(nowMs)}
    FROM tenant_plans WHERE tenant_id = ${tenantId} AND effective_from = ${effectiveFrom}`;
}

function preconditionStatement(precondition: Precondition): Statement {
  switch (precondition.kind) {
    case "subscription_unknown":
      return requireTrue(
        sql`NOT EXISTS (SELECT 1 FROM stripe_subscriptions WHERE subscription_id = ${precondition.subscriptionId})`,
      );
    case "no_tenant_has_subscription":
      return requireTrue(
        sql`NOT EXISTS (SELECT 1 FROM tenants_master WHERE stripe_subscription_id = ${precondition.subscriptionId})`,
      );
    case "node_has_room":
      // Counted after the tenant took its slot, so the last slot goes to one of two.
      return requireTrue(sql`(SELECT count(*) FROM tenants_master WHERE node_id = ${precondition.nodeId})
        <= (SELECT capacity FROM nodes WHERE node_id = ${precondition.nodeId} AND status = 'active')`);
    case "node_exists":
      return requireTrue(sql`EXISTS (SELECT 1 FROM nodes WHERE node_id = ${precondition.nodeId})`);
  }
}

function subscriptionStatements({ db }: WriteDeps, change: ChangeSet["subscription"]): Statement[] {
  if (change === null) return [];
  if (change.before === undefined) return [db.insert(stripeSubscriptions).values(change.after)];
  return [
    db.update(stripeSubscriptions).set(change.after).where(isUnchangedSubscription(change.before)),
    requireChanged(),
  ];
}

const isUnchangedSubscription = (before: SubscriptionRow): SQL =>
  sql`subscription_id = ${before.subscriptionId} AND json_array(status, state_as_of, tenant_id, price_id, current_period_start,
    current_period_end, price_ids) = ${JSON.stringify([
      before.status,
      before.stateAsOf,
      before.tenantId,
      before.priceId,
      before.currentPeriodStart,
      before.currentPeriodEnd,
      before.priceIds,
    ])}`;

const toFunnelRow = (draft: FunnelDraft, nowMs: number): FunnelInsert => ({
  ts: formatInstant(nowMs),
  eventType: draft.eventType,
  traceId: draft.traceId,
  tenantId: draft.tenantId,
  jobId: draft.jobId ?? null,
  success: draft.success === undefined ? null : Number(draft.success),
  source: draft.source,
  payloadJson: draft.payload === undefined ? null : redactFunnelPayload(draft.payload),
});
