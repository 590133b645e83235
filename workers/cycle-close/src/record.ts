import { type AuditEntry, createAuditEntry } from "@prego/core/audit";
import { newId } from "@prego/core/id";
import type { TraceEvent } from "@prego/core/store";
import type { Deps } from "./deps.ts";

/** A change as it is recorded: in the audit log, and as a step of its trace. */
export interface Change {
  action: string;
  target: string;
  tenantId?: string;
  traceId: string | null;
  level?: "info" | "warn" | "error";
  detail: Record<string, string | number | null>;
}

/** Makes the audit row and the trace event of a change; both belong into the batch of the change. */
export async function recordChange(
  deps: Pick<Deps, "now" | "randomBytes">,
  actor: string,
  change: Change,
): Promise<{ audit: AuditEntry; trace: TraceEvent }> {
  const { action, target, traceId, detail, level = "info" } = change;
  const nowMs = deps.now();
  const tenantId = change.tenantId ?? null;
  const audit = await createAuditEntry(
    { actor, action, target, tenantId, traceId, detail },
    { nowMs, salt: deps.randomBytes(32) },
  );
  const id = newId("trc", nowMs, deps.randomBytes(10));
  return {
    audit,
    trace: { id, nowMs, traceId, source: "cycle-close", eventType: action, tenantId, level, payload: detail },
  };
}

/** The trace in which all steps of one cycle's close are found. */
export const traceOfCycle = (cycle: string): string => `trace_cycle_close_${cycle}`;
