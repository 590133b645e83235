import { isGuardFailure } from "@prego/core/d1-error";
import { describeError } from "@prego/core/log";
import { parseUsageObjectKey } from "@prego/core/usage-object";
import { findStopReason, noteUnread, type RunContext, takeBytes } from "./context.ts";
import { drain } from "./drain.ts";
import {
  ADOPTIONS_PER_COMMIT_MAX,
  ADOPTIONS_PER_RUN_MAX,
  OBJECT_BYTES_MAX,
  RECONCILE_AGE_MS_MIN,
  UNREAD_IN_A_ROW_MAX,
} from "./limits.ts";
import type { ReconcileReport } from "./reconcile-report.ts";
import type { ListedObject, RawUsage } from "./store/raw-usage.ts";
import type { Adoption } from "./store/reconcile.ts";

type Adopted = Adoption["objects"][number];

interface Orphan extends ListedObject {
  tenantId: string;
  hour: string;
}

/** How many unreadable objects behind the cursor this run has still to pass over, because an earlier one tried them. */
export interface PassPlace {
  toPassOver: number;
}

/** Gives objects without a row one; false when this run's share was used up and the page must be looked at again. */
export async function adoptObjects(
  context: RunContext,
  report: ReconcileReport,
  { listed, place }: { listed: readonly ListedObject[]; place: PassPlace },
): Promise<boolean> {
  if (listed.length === 0) return true;
  const orphans = findOrphans(listed, report, context.deps.now());
  const traces = await context.deps.objects.findTenantTraces([...new Set(orphans.map(({ tenantId }) => tenantId))]);
  const owned = orphans.filter(({ tenantId }) => traces.has(tenantId));
  report.refused += orphans.length - owned.length;
  // Adopted objects are no orphans any more: those that could not be read come first, in the order of the keys.
  const waiting = owned.slice(place.toPassOver);
  place.toPassOver = Math.max(0, place.toPassOver - owned.length);
  for (const [tenantId, objects] of Map.groupBy(waiting, (orphan) => orphan.tenantId)) {
    const traceId = traces.get(tenantId) ?? null;
    for (let start = 0; start < objects.length; start += ADOPTIONS_PER_COMMIT_MAX) {
      const share = objects.slice(start, start + ADOPTIONS_PER_COMMIT_MAX);
      const taken = report.adopted + report.unread + share.length;
      if (taken > ADOPTIONS_PER_RUN_MAX || findStopReason(context) !== undefined) return false;
      const measured = await measureObjects(context, share);
      await adoptOfTenant(context, report, { tenantId, traceId, objects: measured.objects });
      report.unread += measured.unread;
      report.passed_over += measured.unread;
      if (!measured.complete) return false;
    }
  }
  return true;
}

function findOrphans(listed: readonly ListedObject[], report: ReconcileReport, nowMs: number): Orphan[] {
  return listed.flatMap((object) => {
    const place = parseUsageObjectKey(object.key);
    if (place === undefined || object.bytes > OBJECT_BYTES_MAX) {
      report.refused += 1;
      return [];
    }
    if (object.uploadedAtMs > nowMs - RECONCILE_AGE_MS_MIN) {
      report.too_young += 1;
      return [];
    }
    return [{ ...object, tenantId: place.tenantId, hour: place.hour }];
  });
}

async function measureObjects(
  context: RunContext,
  orphans: readonly Orphan[],
): Promise<{ objects: Adopted[]; unread: number; complete: boolean }> {
  const objects: Adopted[] = [];
  let unread = 0;
  for (const { key, hour, bytes } of orphans) {
    if (context.unreadInARow >= UNREAD_IN_A_ROW_MAX || !takeBytes(context, bytes)) {
      return { objects, unread, complete: false };
    }
    try {
      const measured = await measureObject(context.deps.raw, key);
      context.unreadInARow = 0;
      if (measured !== undefined) objects.push({ key, hour, ...measured });
    } catch (error) {
      context.deps.log("warn", "adoption.failed", { error: describeError(error) });
      noteUnread(context, "adoption");
      unread += 1;
    }
  }
  return { objects, unread, complete: true };
}

const LINE_FEED = 0x0a;

/** Lines are only counted here: a bad one quarantines the object when it is rolled up, like any other. */
async function measureObject(
  raw: RawUsage,
  key: string,
): Promise<{ events: number; bytes: number; sha256: string } | undefined> {
  const stored = await raw.open(key);
  if (stored === undefined) return undefined;
  let lineFeeds = 0;
  let lastByte = LINE_FEED;
  const drained = await drain(stored.body, (chunk) => {
    for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, at + 1)) lineFeeds += 1;
    lastByte = chunk.at(-1) ?? lastByte;
    return undefined;
  });
  if (typeof drained === "string") return undefined;
  return { events: lastByte === LINE_FEED ? lineFeeds : lineFeeds + 1, ...drained };
}

async function adoptOfTenant(
  { deps, run }: RunContext,
  report: ReconcileReport,
  { tenantId, traceId, objects }: { tenantId: string; traceId: string | null; objects: readonly Adopted[] },
): Promise<void> {
  if (objects.length === 0) return;
  const nowMs = deps.now();
  const detail = { objects: objects.length, run_id: run.runId };
  const change = {
    actor: run.actor,
    action: "usage_object.adopted",
    target: "usage_objects",
    tenantId,
    traceId,
    detail,
  };
  const trace = {
    id: deps.newId("trc"),
    nowMs,
    traceId,
    source: "usage-aggregator",
    eventType: "usage.adopted",
    tenantId,
    message: "Raw usage without a record was taken over",
    payload: { objects: objects.length },
  };
  try {
    await deps.reconcile.adopt({ tenantId, objects, nowMs, audit: await deps.audit(change), trace });
    report.adopted += objects.length;
  } catch (error) {
    // Its writer recorded one of them meanwhile, or the tenant is being purged: the next pass sees what is left.
    if (!isGuardFailure(error)) throw error;
  }
}
