import { and, eq, type SQL } from "drizzle-orm";
import { formatInstant } from "@prego/core/period";
import { dispatches, provisionJobs } from "@prego/core/schema";
import { requireChanged, type Statement } from "@prego/core/store";
import type { JobChange } from "../domain/change-set.ts";
import type { JobRow } from "../domain/rows.ts";
import type { WriteDeps } from "./change-set.ts";
import { is } from "./null-safe.ts";

/** Statements of one change of a job and of the dispatch that belongs to it. */
export function jobStatements(deps: WriteDeps, change: JobChange, nowMs: number): Statement[] {
  const { db } = deps;
  switch (change.kind) {
    case "queue":
      return [
        db.insert(provisionJobs).values(change.job),
        ...(change.job.status === "queued" ? [firstDispatch(deps, change.job, nowMs)] : []),
      ];
    case "cancel":
      return [
        ...updateJob(deps, change.job, { status: "cancelled", finishedAt: formatInstant(nowMs) }, nowMs),
        ...dispatchAs(deps, { jobId: change.job.jobId, from: "pending", to: "cancelled" }, nowMs),
      ];
    case "update":
      return [
        ...updateJob(deps, change.before, change.set, nowMs),
        ...(change.dispatch === "first" ? [firstDispatch(deps, { ...change.before, ...change.set }, nowMs)] : []),
        ...(change.dispatch === "again"
          ? dispatchAs(deps, { jobId: change.before.jobId, from: "sent", to: "pending" }, nowMs)
          : []),
      ];
  }
}

const updateJob = ({ db }: WriteDeps, before: JobRow, set: Partial<JobRow>, nowMs: number): Statement[] => [
  db
    .update(provisionJobs)
    .set({ ...set, updatedAt: formatInstant(nowMs) })
    .where(isUnchangedJob(before)),
  requireChanged(),
];

const isUnchangedJob = (before: JobRow): SQL | undefined =>
  and(
    eq(provisionJobs.jobId, before.jobId),
    eq(provisionJobs.status, before.status),
    is(provisionJobs.runId, before.runId),
    is(provisionJobs.stage, before.stage),
    is(provisionJobs.attempts, before.attempts),
  );

function dispatchAs(
  { db }: WriteDeps,
  move: { jobId: string; from: "pending" | "sent"; to: "pending" | "cancelled" },
  nowMs: number,
): Statement[] {
  const now = formatInstant(nowMs);
  return [
    db
      .update(dispatches)
      .set({ status: move.to, updatedAt: now, ...(move.to === "pending" ? { attempts: 0, nextAttemptAt: now } : {}) })
      .where(and(eq(dispatches.subjectId, move.jobId), eq(dispatches.status, move.from))),
  ];
}

/** The outbox row of a job. */
function firstDispatch({ db, newId }: WriteDeps, job: JobRow, nowMs: number): Statement {
  const now = formatInstant(nowMs);
  const inputs = {
    job_id: job.jobId,
    kind: job.kind,
    tenant_id: job.tenantId,
    region: job.region,
    node_id: job.nodeId ?? "",
    trace_id: job.traceId ?? "",
  };
  return db.insert(dispatches).values({
    dispatchId: newId("dsp"),
    purpose: job.kind,
    subjectId: job.jobId,
    inputsJson: JSON.stringify(inputs),
    status: "pending",
    nextAttemptAt: now,
    tenantId: job.tenantId,
    traceId: job.traceId,
    createdAt: now,
    updatedAt: now,
  });
}
