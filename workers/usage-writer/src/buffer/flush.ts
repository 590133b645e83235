import { usageObjectKey } from "@prego/core/usage-object";
import type { Logger } from "@prego/core/log";
import { PUTS_AT_ONCE_MAX } from "../limits.ts";
import type { RawUsageStore, StoredObject } from "../store/raw-usage.ts";
import { ID_WORDS } from "./append-request.ts";
import { type HourLines, mergeByHour } from "./batch-body.ts";
import { type BufferState, changeTogether } from "./buffer-state.ts";
import { type FlushPlan, objectName, planFlush } from "./flush-plan.ts";
import { concatIds } from "./segment.ts";
import type { BufferStorage } from "./storage.ts";

/** Everything a flush works with. */
export interface FlushContext {
  storage: BufferStorage;
  store: RawUsageStore;
  state: BufferState;
  now: () => number;
  log: Logger;
}

const encoder = new TextEncoder();

/**
 * Brings one plan's batches to R2 and into `usage_objects`, then lets go of them. The plan is stored before the first put, so
 * that a repeat after a crash writes the same objects under the same names.
 * @returns `gone` if the tenant is being purged (nothing of it remains in R2), `empty` if there was nothing to do.
 */
export async function flushOnce(context: FlushContext): Promise<"flushed" | "empty" | "gone"> {
  const { storage, store, state, now } = context;
  const startedAtMs = now();
  const saved = storage.findObject()?.plan;
  const plan = saved ?? planFlush(storage.batches());
  if (plan === undefined) return "empty";

  const hours = mergeByHour(storage.readBodies(plan));
  const keys = hours.map(({ hour }) =>
    usageObjectKey({ tenantId: state.tenantId, hour, name: objectName(state.shard, plan) }),
  );
  const tenant = await store.findTenant(state.tenantId);
  if (tenant === "unknown") throw new Error("the tenant's row is missing; its usage is kept here");
  if (tenant === "gone") {
    await store.deleteObjects(keys);
    return "gone";
  }
  if (saved === undefined) storage.savePlan(plan);
  const objects = await putHours(context, hours, keys);
  if (objects.length > 0 && (await store.recordObjects(state.tenantId, objects, now())) === "gone") {
    await store.deleteObjects(keys);
    return "gone";
  }
  forget(context, plan, hours);
  context.log("info", "usage.flushed", {
    tenant_id: state.tenantId,
    shard: state.shard,
    ...plan,
    objects: objects.length,
    events: sumOf(hours, ({ events }) => events),
    bytes: sumOf(objects, ({ bytes }) => bytes),
    backlog_events: state.events,
    duration_ms: now() - startedAtMs,
  });
  return "flushed";
}

async function putHours(
  { store }: FlushContext,
  hours: readonly HourLines[],
  keys: readonly string[],
): Promise<StoredObject[]> {
  const objects: StoredObject[] = [];
  for (let start = 0; start < hours.length; start += PUTS_AT_ONCE_MAX) {
    const chunk = hours.slice(start, start + PUTS_AT_ONCE_MAX).map(async ({ hour, events, text }, offset) => {
      const bytes = encoder.encode(text);
      const key = keys[start + offset] ?? "";
      return { key, hour, events, bytes: bytes.byteLength, sha256: await store.putObject(key, bytes) };
    });
    objects.push(...(await Promise.all(chunk)));
  }
  return objects;
}

function forget({ storage, state }: FlushContext, plan: FlushPlan, hours: readonly HourLines[]): void {
  const ids = concatIds(storage.readIds(plan));
  changeTogether(state, () => {
    storage.finishFlush(plan, ids);
    state.events -= sumOf(hours, ({ events }) => events);
    state.idCount -= ids.length / ID_WORDS;
    state.chars -= sumOf(hours, ({ text }) => text.length);
  });
}

const sumOf = <T>(items: readonly T[], amount: (item: T) => number): number =>
  items.reduce((sum, item) => sum + amount(item), 0);
