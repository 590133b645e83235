import type { JobRow, SubscriptionRow, TenantRow } from "./rows.ts";

/** A tenant as operators see it. */
export const showTenant = (tenant: TenantRow, baseDomain: string | undefined) => ({
  tenant_id: tenant.tenantId,
  slug: tenant.slug,
  short_id: tenant.shortId,
  host: baseDomain === undefined ? null : `tenant-${tenant.shortId}.${baseDomain}`,
  name: tenant.name,
  type: tenant.type,
  plan_id: tenant.planId,
  status: tenant.status,
  status_changed_at: tenant.statusChangedAt,
  provisioned_at: tenant.provisionedAt,
  region: tenant.region,
  node_id: tenant.nodeId,
  stripe_customer_id: tenant.stripeCustomerId,
  stripe_subscription_id: tenant.stripeSubscriptionId,
  subscription_status: tenant.subscriptionStatus,
  current_period_end: tenant.currentPeriodEnd,
  trace_id: tenant.traceId,
  pending_deletion_at: tenant.pendingDeletionAt,
  purge_after: tenant.purgeAfter,
  legal_hold: tenant.legalHold === 1,
  created_at: tenant.createdAt,
  updated_at: tenant.updatedAt,
});

/** A provisioning job as operators see it. */
export const showJob = (job: JobRow) => ({
  job_id: job.jobId,
  kind: job.kind,
  status: job.status,
  node_id: job.nodeId,
  region: job.region,
  attempts: job.attempts,
  run_id: job.runId,
  run_url: job.runUrl,
  stage: job.stage,
  failure_stage: job.failureStage,
  error: job.error,
  readiness: job.readinessJson === null ? null : (JSON.parse(job.readinessJson) as unknown),
  trace_id: job.traceId,
  claimed_at: job.claimedAt,
  finished_at: job.finishedAt,
  created_at: job.createdAt,
  updated_at: job.updatedAt,
});

/** A subscription as operators see it. */
export const showSubscription = (subscription: SubscriptionRow) => ({
  subscription_id: subscription.subscriptionId,
  customer_id: subscription.customerId,
  status: subscription.status,
  current_period_end: subscription.currentPeriodEnd,
  price_id: subscription.priceId,
  state_as_of: subscription.stateAsOf,
  updated_at: subscription.updatedAt,
});
