import type { provisionJobs, stripeSubscriptions, tenantsMaster } from "@prego/core/schema";

export type TenantRow = typeof tenantsMaster.$inferSelect;
export type SubscriptionRow = typeof stripeSubscriptions.$inferSelect;
export type JobRow = typeof provisionJobs.$inferSelect;
export type JobKind = JobRow["kind"];

/** Statuses of a job that a workflow run has taken and not finished. */
export const HELD_JOB_STATUSES = ["claimed", "running"] as const;
/** Statuses of a job that no workflow run has taken yet. */
export const UNCLAIMED_JOB_STATUSES = ["queued", "queued_capacity", "dispatched"] as const;

export const isHeld = (job: Pick<JobRow, "status">): boolean => HELD_JOB_STATUSES.some((held) => held === job.status);

export const isUnclaimed = (job: Pick<JobRow, "status">): boolean =>
  UNCLAIMED_JOB_STATUSES.some((unclaimed) => unclaimed === job.status);
