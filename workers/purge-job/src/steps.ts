import { sha256Hex } from "@prego/core/auth";
import { formatInstant } from "@prego/core/period";
import {
  buildCertificate,
  certificateKey,
  summarizeStripe,
  tombstoneKey,
  type CertificateFacts,
} from "./domain/certificate.ts";
import { judgeDeprovision } from "./domain/deprovision.ts";
import { endNow, GO_ON, type ChunkResult, type PurgeContext } from "./context.ts";
import { deliverCertificate } from "./deliver.ts";
import { PURGE_STEPS } from "./plan.ts";
import { closePage, eraseChunks, finishStep, openPage, reopenRelist } from "./store/chunks.ts";
import { completePurge, listStepCounts } from "./store/completion.ts";
import { readDeployment } from "./store/deployment.ts";
import { deleteKeys, findPrefix, hasObjects, listKeys, putOnce } from "./store/objects.ts";
import type { PurgeStep } from "./store/purge-runs.ts";
import { countResidue, countRetained, findErasedTable } from "./store/tenant-rows.ts";
import { takeStripeStep } from "./stripe-step.ts";

/** Takes one bounded piece of a step. A legal hold, or another run on the same purge, makes its transaction fail. */
export async function takeChunk(
  context: PurgeContext,
  { steps, next }: { steps: readonly PurgeStep[]; next: PurgeStep },
): Promise<ChunkResult> {
  if (findPrefix(next.step) !== undefined) return eraseObjects(context, next);
  if (findErasedTable(next.step) !== undefined) return eraseTables(context, pendingTables(steps, next));
  switch (next.step) {
    case "stripe":
      return takeStripeStep(context, next);
    case "deprovision":
      return confirmDeprovision(context);
    case "relist":
      return relist(context, steps);
    case "tombstone":
      return placeTombstone(context);
    case "certificate":
      return complete(context);
    default:
      return { kind: "wait", reason: "a step that this version does not know" };
  }
}

/** Tables from this step on up to the next step of another kind: their chunks go in one transaction. */
function pendingTables(steps: readonly PurgeStep[], next: PurgeStep): string[] {
  const rest = steps.slice(steps.indexOf(next));
  const end = rest.findIndex((entry) => findErasedTable(entry.step) === undefined);
  return rest
    .slice(0, end === -1 ? rest.length : end)
    .filter((entry) => entry.status === "pending")
    .map((entry) => entry.step);
}

async function eraseTables({ deps, purge, scope }: PurgeContext, steps: readonly string[]): Promise<ChunkResult> {
  const entries = steps.map((step) => findErasedTable(step)).filter((entry) => entry !== undefined);
  await eraseChunks(deps.storage, entries, { purge, scope, end: endNow(deps) });
  return GO_ON;
}

/** Deletes one page of keys. It is noted before and counted after, so that a crash in between loses no count. */
async function eraseObjects(context: PurgeContext, next: PurgeStep): Promise<ChunkResult> {
  const { deps, purge } = context;
  const prefix = findPrefix(next.step);
  if (prefix === undefined) return GO_ON;
  const address = { purge, step: next.step };
  const keys = await listKeys(deps.storage, prefix, purge.tenantId);
  if (next.cursor === null) {
    const lastKey = keys.at(-1);
    if (lastKey === undefined) {
      if (next.status === "pending") await finishStep(deps.storage, address, endNow(deps));
      return GO_ON;
    }
    await openPage(deps.storage, address, { lastKey, keys: keys.length });
    await deleteKeys(deps.storage, keys);
    await closePage(deps.storage, address, { lastKey, keys: keys.length });
    return GO_ON;
  }
  const lastKey = next.cursor;
  const left = keys.filter((key) => key <= lastKey);
  if (left.length > 0) await deleteKeys(deps.storage, left);
  const pending = typeof next.detail["pending"] === "number" ? next.detail["pending"] : 0;
  await closePage(deps.storage, address, { lastKey, keys: Math.max(pending, left.length) });
  return GO_ON;
}

async function confirmDeprovision(context: PurgeContext): Promise<ChunkResult> {
  const { deps, purge } = context;
  const verdict = judgeDeprovision(await readDeployment(deps.storage, purge.tenantId));
  if (verdict.kind === "wait") return verdict;
  const address = { purge, step: "deprovision" };
  await finishStep(deps.storage, address, { ...endNow(deps), detail: { how: verdict.how } });
  return GO_ON;
}

/** Stores that hold something of the tenant (again): a writer that was under way when ingest was blocked. */
async function findRefilled({ deps, purge, scope }: PurgeContext): Promise<string[]> {
  const rows = await countResidue(deps.storage, scope);
  const refilled = PURGE_STEPS.filter((step) => (rows[step] ?? 0) > 0);
  return (await hasObjects(deps.storage, purge.tenantId)) ? ["r2_usage", ...refilled] : refilled;
}

async function relist(context: PurgeContext, steps: readonly PurgeStep[]): Promise<ChunkResult> {
  const { deps, purge } = context;
  const refilled = await findRefilled(context);
  const known = steps.filter((entry) => refilled.includes(entry.step));
  if (known.length < refilled.length) return { kind: "wait", reason: "a store that this purge was not planned for" };
  for (const entry of known) if (findPrefix(entry.step) !== undefined) await eraseObjects(context, entry);
  const tables = refilled.filter((step) => findErasedTable(step) !== undefined);
  if (tables.length > 0) await eraseTables(context, tables);
  if (refilled.length === 0) await finishStep(deps.storage, { purge, step: "relist" }, endNow(deps));
  return GO_ON;
}

async function placeTombstone(context: PurgeContext): Promise<ChunkResult> {
  const { deps, purge } = context;
  const text = JSON.stringify({
    format: "prego-tombstone-v1",
    tombstone: purge.tombstone,
    purge_id: purge.purgeId,
    placed_at: formatInstant(deps.now()),
  });
  await putOnce(deps.storage, tombstoneKey(purge.tombstone), text);
  await finishStep(deps.storage, { purge, step: "tombstone" }, endNow(deps));
  return GO_ON;
}

async function complete(context: PurgeContext): Promise<ChunkResult> {
  const { deps, purge, scope, names, actor } = context;
  if ((await findRefilled(context)).length > 0) {
    await reopenRelist(deps.storage, purge);
    return GO_ON;
  }
  const completedAtMs = deps.now();
  const steps = await listStepCounts(deps.storage, purge.purgeId);
  const facts: CertificateFacts = {
    ...purge,
    completedAtMs,
    build: deps.build,
    steps,
    retainedRows: await countRetained(deps.storage, scope),
  };
  const text = buildCertificate(facts);
  const certificate = { key: certificateKey(purge.purgeId, purge.startedAt), text, sha256: await sha256Hex(text) };
  const audit = await deps.audit({
    actor,
    action: "purge.completed",
    target: `${certificate.key}#sha256=${certificate.sha256}`,
    tenantId: purge.tenantId,
    traceId: purge.traceId,
  });
  await completePurge(deps.storage, {
    purge,
    scope,
    slug: names.slug,
    certificate,
    stripeSummary: summarizeStripe(steps.find((entry) => entry.step === "stripe")?.detail ?? {}),
    nowMs: completedAtMs,
    audit: [audit],
    traceEventId: deps.newId("trc"),
  });
  await deliverCertificate(deps, { purgeId: purge.purgeId, key: certificate.key, text });
  return { kind: "completed" };
}
