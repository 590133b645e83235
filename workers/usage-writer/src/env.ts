import type { SharedBindings } from "@prego/core/http";
import { isTenantId } from "@prego/core/id";
import type { UsageBuffer } from "./buffer/usage-buffer.ts";
import { SHARDS_MAX } from "./limits.ts";

/** Bindings and settings of usage-writer. */
export interface Env extends SharedBindings {
  /** One buffer per tenant and shard. */
  USAGE_BUFFER: DurableObjectNamespace<UsageBuffer>;
  /** Bearer secret of senders; unset means open ingest. */
  USE_WRITER_SECRET?: string;
  /** Senders' secret that is being rotated out. */
  USE_WRITER_SECRET_PREVIOUS?: string;
  /** Longest time an event stays in the buffer, whole seconds. */
  FLUSH_SECONDS?: string;
  /** Busy tenants and their number of shards, such as `ten_a=4 ten_b=2`; all others have one. */
  USAGE_SHARDS?: string;
}

/** What `/health` asks for. */
export const REQUIRED = ["DB", "BUCKET", "USAGE_BUFFER"] as const satisfies readonly (keyof Env)[];

const FLUSH_SECONDS_DEFAULT = 300;

/** Flush time in milliseconds: 1 s to 1 h, 300 s if the setting is not a number. */
export function readFlushMs({ FLUSH_SECONDS: text }: Pick<Env, "FLUSH_SECONDS">): number {
  const seconds = text !== undefined && /^[0-9]{1,4}$/.test(text) ? Number(text) : FLUSH_SECONDS_DEFAULT;
  return Math.min(Math.max(seconds, 1), 3_600) * 1_000;
}

/**
 * Number of shards by tenant, of those that have more than one. An event's id chooses its shard, so a change of the number
 * moves ids to shards that do not know them: for 35 days a copy of an older event would count again.
 */
export function readShards({ USAGE_SHARDS: text = "" }: Pick<Env, "USAGE_SHARDS">): ReadonlyMap<string, number> {
  const shards = new Map<string, number>();
  for (const entry of text.split(/[\s,]+/)) {
    const [tenantId = "", count = ""] = entry.split("=");
    if (isTenantId(tenantId) && /^[1-9][0-9]?$/.test(count)) shards.set(tenantId, Math.min(Number(count), SHARDS_MAX));
  }
  return shards;
}
