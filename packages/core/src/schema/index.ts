export { exact, int64 } from "./columns.ts";
export { cycleRuns, stripeInvoiceOutbox, stripeUsageOutbox, usageCycleTotals } from "./cycle-close.ts";
export { nodeMetricsRollups, nodes, scalingEvents, scalingRegions } from "./nodes.ts";
export { dispatches, provisionJobs } from "./provisioning.ts";
export { jobLeases, jobRuns, purgeRuns, purgeSteps } from "./purge-jobs.ts";
export { meters, planMeters, plans, stripeEvents, stripeSubscriptions, tenantPlans, tenantsMaster } from "./tenants.ts";
export { auditDetails, auditLogs, funnelEvents, traceEvents } from "./trace-audit-funnel.ts";
export { usageAdjustments, usageDistinctValues, usageObjects, usageRollups } from "./usage.ts";
