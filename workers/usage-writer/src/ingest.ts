import { type AppendRequest, STATUS_CODES } from "./buffer/append-request.ts";
import type { IngestDeps } from "./deps.ts";
import { type EventFault, type EventResult, rejectEvent } from "./domain/event-result.ts";
import {
  type AppendContext,
  type Idempotency,
  type PlacedEvent,
  planAppends,
  planClaims,
  type PlannedAppend,
  protectEvents,
} from "./domain/plan-append.ts";
import type { ReadEvent } from "./domain/read-usage.ts";
import type { AppendOutcome } from "./store/buffers.ts";
import type { TenantAnswer } from "./store/tenants.ts";

/** What became of a request's events. */
export interface IngestReport {
  results: EventResult[];
  faults: Map<number, readonly EventFault[]>;
  /** Set if some buffer could not take its events. */
  retryAfterSeconds?: number;
  cause?: unknown;
}

/** Events that were read, and how the request protects them. */
export interface IngestRequest {
  events: readonly ReadEvent[];
  nowMs: number;
  idempotency?: Idempotency | undefined;
}

const TENANT_FAULTS: Record<Exclude<TenantAnswer, "accept">, EventFault> = {
  unknown: { pointer: "", code: "tenant_unknown", message: "no such tenant" },
  gone: { pointer: "", code: "tenant_gone", message: "the tenant was deleted" },
};
const KEY_REUSED: EventFault = {
  pointer: "",
  code: "idempotency_key_reused",
  message: "the idempotency key was used for another request",
};
const UNAVAILABLE: EventFault = { pointer: "", code: "unavailable", message: "try again later" };

/** Appends the valid events of a request to the buffers of their tenants. No event's fate depends on another's. */
export async function ingest(deps: IngestDeps, request: IngestRequest): Promise<IngestReport> {
  const report: IngestReport = { results: [], faults: new Map() };
  const placed = await selectEvents(deps, request, report);
  if (placed.length === 0) return report;
  const context: AppendContext = { ...request, shardCount: deps.shardCount };
  protectEvents(placed, context);
  const appends = planAppends(placed, context);
  const claims = new Map<string, { request: AppendRequest; outcome: AppendOutcome }>();
  await Promise.all(
    planClaims(appends, context).map(async (claim) =>
      claims.set(claim.tenantId, { request: claim, outcome: await deps.append(claim) }),
    ),
  );
  const outcomes = await Promise.all(
    appends.map(async ({ request }) => {
      const claim = claims.get(request.tenantId);
      const isOpen = claim === undefined || (claim.outcome.kind === "done" && claim.request !== request);
      return isOpen ? deps.append(request) : claim.outcome;
    }),
  );
  appends.forEach((append, index) => {
    const outcome = outcomes[index];
    if (outcome !== undefined) reportOutcome(append, outcome, report);
  });
  return report;
}

async function selectEvents(
  deps: IngestDeps,
  { events, nowMs }: IngestRequest,
  report: IngestReport,
): Promise<PlacedEvent[]> {
  const tenantIds = new Set<string>();
  for (const read of events) if (read.ok) tenantIds.add(read.event.tenantId);
  const tenants = tenantIds.size === 0 ? new Map<string, TenantAnswer>() : await deps.findTenants(tenantIds, nowMs);
  const placed: PlacedEvent[] = [];
  events.forEach((read, position) => {
    if (!read.ok) return reject(report, position, read.errors);
    const answer = tenants.get(read.event.tenantId) ?? "unknown";
    if (answer !== "accept") return reject(report, position, [TENANT_FAULTS[answer]], read.event.id);
    placed.push({ position, event: read.event });
  });
  return placed;
}

function reject(report: IngestReport, position: number, faults: readonly EventFault[], id?: string): void {
  report.results[position] = rejectEvent(faults, id);
  report.faults.set(position, faults);
}

function reportOutcome({ placed }: PlannedAppend, outcome: AppendOutcome, report: IngestReport): void {
  if (outcome.kind === "unavailable") {
    report.retryAfterSeconds = Math.max(report.retryAfterSeconds ?? 0, outcome.retryAfterSeconds);
    report.cause ??= outcome.cause;
  }
  placed.forEach(({ position, event: { id } }, index) => {
    if (outcome.kind === "done") report.results[position] = toResult(outcome.statuses[index], id);
    else reject(report, position, [outcome.kind === "key_reused" ? KEY_REUSED : UNAVAILABLE], id);
  });
}

function toResult(status: string | undefined, id: string | undefined): EventResult {
  switch (status) {
    case STATUS_CODES.accepted:
      return id === undefined ? { status: "accepted" } : { status: "accepted", id };
    case STATUS_CODES.duplicate:
      return { status: "duplicate", ...(id === undefined ? {} : { id }), reason: "already_counted" };
    case STATUS_CODES.conflict:
      return { status: "conflict", ...(id === undefined ? {} : { id }), reason: "id_has_other_content" };
    default:
      throw new Error("a buffer answered an unknown status");
  }
}
