import { hourOf } from "@prego/core/period";
import { formatUsageLine, type UsageEvent } from "@prego/core/usage-event";
import { type AppendRequest, ID_WORDS } from "../buffer/append-request.ts";
import { hasId } from "../buffer/digest-table.ts";
import { claimOf, derivedId, shardOf, writeEventId } from "./digest.ts";

/** A request's Idempotency-Key and body. */
export interface Idempotency {
  key: string;
  body: Uint8Array;
}

/** One call to one buffer, and where its events stood in the request. */
export interface PlannedAppend {
  request: AppendRequest;
  positions: number[];
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
  const appends = new Map<string, { tenantId: string; shard: number; placed: PlacedEvent[]; ids: Uint32Array[] }>();
  for (const placed of events) {
    const { tenantId } = placed.event;
    const ids = new Uint32Array(ID_WORDS);
    writeEventId(placed.event, ids, 0);
    const shard = chooseShard(ids, context.shardCount(tenantId), context.nowMs);
    const name = `${tenantId}/${shard}`;
    const append = appends.get(name) ?? { tenantId, shard, placed: [], ids: [] };
    append.placed.push(placed);
    append.ids.push(ids);
    appends.set(name, append);
  }
  return Array.from(appends.values(), ({ tenantId, shard, placed, ids }) => ({
    positions: placed.map(({ position }) => position),
    request: {
      v: 1,
      tenantId,
      shard,
      ids: packIds(ids),
      hours: placed.map(({ event }) => hourOf(event.timestampMs)),
      lines: placed.map(({ event }) => formatUsageLine(event, context.nowMs)),
      ...claimMember(tenantId, context),
    },
  }));
}

/**
 * For tenants with several shards: one call each that claims the Idempotency-Key in the shard that the key itself chooses,
 * because another body under the same key may go to other shards.
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
      return { v: 1, tenantId, shard, ids: new Uint32Array(0), hours: [], lines: [], claim };
    });
}

function chooseShard(ids: Uint32Array, shards: number, nowMs: number): number {
  if (shards === 1) return 0;
  return hasId(ids, 0) ? shardOf(ids, 0, shards) : nowMs % shards;
}

function packIds(ids: readonly Uint32Array[]): Uint32Array {
  const packed = new Uint32Array(ids.length * ID_WORDS);
  ids.forEach((id, position) => packed.set(id, position * ID_WORDS));
  return packed;
}

function claimMember(tenantId: string, { idempotency }: AppendContext): { claim?: Uint32Array } {
  return idempotency === undefined ? {} : { claim: claimOf(tenantId, idempotency.key, idempotency.body) };
}
