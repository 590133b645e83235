import { formatInstant } from "@prego/core/period";
import { endNow, GO_ON, type ChunkResult, type PurgeContext } from "./context.ts";
import { deleteCustomers, settleAtStripe, UnknownSubscriptionError, type Gate } from "./execute.ts";
import { STRIPE_REDACTION_WAIT_MS } from "./limits.ts";
import { finishStep, requireErasable, saveDetail } from "./store/chunks.ts";
import type { StripeIds } from "./store/candidates.ts";
import type { PurgeStep } from "./store/purge-runs.ts";

/**
 * Two chunks: settle, then delete. Between them the newest transaction is stored, for a deleted customer can no longer be asked.
 * The ids were stored when the purge began, so a resumed step knows them although their rows are gone.
 */
export async function takeStripeStep(context: PurgeContext, next: PurgeStep): Promise<ChunkResult> {
  try {
    return await takeStripeChunk(context, next);
  } catch (error) {
    if (error instanceof UnknownSubscriptionError) return { kind: "wait", reason: error.message };
    throw error;
  }
}

async function takeStripeChunk(context: PurgeContext, next: PurgeStep): Promise<ChunkResult> {
  const { deps, purge } = context;
  const address = { purge, step: "stripe" };
  const ids = readIds(next.detail);
  if (ids.customers.length === 0 && ids.subscriptions.length === 0) {
    await finishStep(deps.storage, address, { ...endNow(deps), detail: { status: "no customer" } });
    return GO_ON;
  }
  if (deps.stripe === undefined) return { kind: "wait", reason: "STRIPE_SECRET_KEY is not set" };

  const gate: Gate = () => requireErasable(deps.storage, purge.tenantId);
  const { settled } = next.detail as { settled?: { lastTransaction: number | null } };
  if (settled === undefined) {
    const lastTransaction = await settleAtStripe(deps.stripe, ids, gate);
    await saveDetail(deps.storage, address, { ...ids, settled: { lastTransaction } });
    return GO_ON;
  }
  await deleteCustomers(deps.stripe, ids, gate);
  const lastMs = settled.lastTransaction === null ? deps.now() : settled.lastTransaction * 1_000;
  await finishStep(deps.storage, address, {
    ...endNow(deps),
    detail: {
      status:
        ids.customers.length === 0
          ? "subscriptions canceled; the customer belongs to another tenant too"
          : "customer deleted; redaction pending until 90 days after the last transaction",
      until: ids.customers.length === 0 ? null : formatInstant(lastMs + STRIPE_REDACTION_WAIT_MS),
    },
  });
  return GO_ON;
}

const readIds = (detail: Record<string, unknown>): StripeIds => {
  const { customers = [], subscriptions = [] } = detail as Partial<StripeIds>;
  return { customers, subscriptions };
};
