import { hourOf } from "@prego/core/period";
import { formatUsageLine, type UsageEvent } from "@prego/core/usage-event";
import { type AppendRequest, ID_WORDS } from "../buffer/append-request.ts";
import { hasId } from "../buffer/digest-table.ts";
import { concatIds } from "../buffer/segment.ts";
import { claimOf, derivedId, shardOf, writeEventId } from "./digest.ts";

/** A request's Idempotency-Key and body. */
export interface Idempotency {
  key: string;
  body: Uint8Array;
}

/** One call to one buffer, and the events it carries. */
export interface PlannedAppend {
  request: AppendRequest;
  placed: PlacedEvent[];
}

/** An event that is to be appended, and its place in the request. */
export interface PlacedEvent {
  position: number;
  event: UsageEvent;
}

/** What the plan needs to know besides the events. */
export interface AppendContext {
  nowMs: number;
  shardCount: (tenantId: string) => number;
  idempotency?: Idempotency | undefined;
}

/** Gives events without an id the one that the Idempotency-Key makes for their place. */
export function protectEvents(events: readonly PlacedEvent[], { idempotency }: AppendContext): void {
  if (idempotency === undefined) return;
  for (const { event, position } of events) event.id ??= derivedId(idempotency.key, position);
}

/** One append per tenant and shard, events in their order. */
export function planAppends(events: readonly PlacedEvent[], context: AppendContext): PlannedAppend[] {
  const tenants = new Map<string, PlacedEvent[]>();
  for (const placed of events) {
    const known = tenants.get(placed.event.tenantId);
    if (known === undefined) tenants.set(placed.event.tenantId, [placed]);
    else known.push(placed);
  }
  return Array.from(tenants, ([tenantId, placed]) => planTenant(tenantId, placed, context)).flat();
}

function planTenant(tenantId: string, placed: PlacedEvent[], context: AppendContext): PlannedAppend[] {
  const ids = new Uint32Array(placed.length * ID_WORDS);
  placed.forEach(({ event }, index) => writeEventId(event, ids, index * ID_WORDS));
  const shards = context.shardCount(tenantId);
  if (shards === 1) return [planShard({ tenantId, shard: 0, placed, ids }, context)];
  const spread = new Map<number, { placed: PlacedEvent[]; ids: Uint32Array[] }>();
  placed.forEach((event, index) => {
    const id = ids.subarray(index * ID_WORDS, (index + 1) * ID_WORDS);
    const shard = hasId(id, 0) ? shardOf(id, 0, shards) : context.nowMs % shards;
    const known = spread.get(shard) ?? { placed: [], ids: [] };
    known.placed.push(event);
    known.ids.push(id);
    spread.set(shard, known);
  });
  return Array.from(spread, ([shard, { placed, ids }]) =>
    planShard({ tenantId, shard, placed, ids: concatIds(ids) }, context),
  );
}

function planShard(
  { tenantId, shard, placed, ids }: { tenantId: string; shard: number; placed: PlacedEvent[]; ids: Uint32Array },
  context: AppendContext,
): PlannedAppend {
  const { nowMs, idempotency } = context;
  const hours = placed.map(createHourReader());
  const lines = placed.map(({ event }) => formatUsageLine(event, nowMs));
  const request: AppendRequest = { v: 1, tenantId, shard, ids, hours, lines };
  if (idempotency !== undefined) request.claim = claimOf(tenantId, idempotency.key, idempotency.body);
  return { placed, request };
}

const HOUR_MS = 3_600_000;

/** Hours of events; neighbours mostly share theirs, and writing one costs more than comparing. */
function createHourReader(): (placed: PlacedEvent) => string {
  let startMs = Infinity;
  let hour = "";
  return ({ event: { timestampMs } }) => {
    if (timestampMs < startMs || timestampMs >= startMs + HOUR_MS) {
      hour = hourOf(timestampMs);
      startMs = Math.floor(timestampMs / HOUR_MS) * HOUR_MS;
    }
    return hour;
  };
}

/**
 * For tenants with several shards: the call that has to claim the Idempotency-Key before all others, in the shard that the key
 * itself chooses, because another body under the same key may go to other shards. It is the append to that shard if there is
 * one: after a claim without its events, these would look like a repeat of them.
 */
export function planClaims(appends: readonly PlannedAppend[], context: AppendContext): AppendRequest[] {
  const { idempotency } = context;
  if (idempotency === undefined) return [];
  const tenants = new Set(appends.map(({ request }) => request.tenantId));
  return [...tenants]
    .filter((tenantId) => context.shardCount(tenantId) > 1)
    .map((tenantId) => {
      const claim = claimOf(tenantId, idempotency.key, idempotency.body);
      const shard = shardOf(claim, 0, context.shardCount(tenantId));
      const append = appends.find(({ request }) => request.tenantId === tenantId && request.shard === shard);
      return append?.request ?? { v: 1, tenantId, shard, ids: new Uint32Array(0), hours: [], lines: [], claim };
    });
}
