import { isGuardFailure } from "@prego/core/d1-error";
import type { RunContext } from "./context.ts";
import type { PendingObject } from "./plan.ts";

/** Puts an object aside with its audit row and trace event; nothing of it is counted. */
export async function quarantineObject(context: RunContext, object: PendingObject, reason: string): Promise<void> {
  const { deps, run, report } = context;
  const { seq, tenantId, hour } = object;
  const nowMs = deps.now();
  const traceId = (await deps.objects.findTenantTraces([tenantId])).get(tenantId) ?? null;
  const audit = await deps.audit({
    actor: run.actor,
    action: "usage_object.quarantined",
    target: `usage_objects/${seq}`,
    tenantId,
    traceId,
    detail: { reason, hour, events: object.events, run_id: run.runId },
  });
  const trace = {
    id: deps.newId("trc"),
    nowMs,
    traceId,
    source: "usage-aggregator",
    eventType: "usage.quarantined",
    tenantId,
    level: "warn" as const,
    message: "A raw usage object cannot be counted",
    payload: { seq, reason },
  };
  try {
    await deps.objects.quarantine({ seq, reason, nowMs, audit, trace });
    report.quarantined += 1;
    deps.log("warn", "usage_object.quarantined", { seq, reason });
  } catch (error) {
    if (!isGuardFailure(error)) throw error;
    report.already_done += 1;
  }
}
