import { sha256Hex } from "@prego/core/auth";
import { readCheckoutSession, type StripeEnvelope } from "@prego/core/stripe";
import { planReconcile, stateAsOf, type KnownSubscription, type ReconcileStep } from "../domain/reconcile-plan.ts";
import { readKnownSubscriptions } from "../store/reconcile.ts";
import { applyNews } from "./apply-news.ts";
import { addFinding, type Result } from "./report.ts";
import { requireAsk, requireChange, type ReconcileSession } from "./session.ts";
import type { FetchedSubscription } from "./stripe-lists.ts";

/** Compares every subscription that Stripe has with what is known here, and repairs what differs. */
export async function compareSubscriptions(session: ReconcileSession): Promise<void> {
  const { pass } = session.report;
  while (pass.subscriptions !== null) {
    requireAsk(session);
    const page = await session.stripe.listSubscriptions(pass.subscriptions.after);
    await comparePage(session, page.items, (subscriptionId) => {
      session.seen.add(subscriptionId);
      pass.subscriptions = { after: subscriptionId };
    });
    pass.subscriptions = page.hasMore && page.lastId !== undefined ? { after: page.lastId } : null;
  }
}

/** Settles one after the other; `onSettled` keeps the place, so that what cannot be repaired is passed by for good. */
export async function comparePage(
  session: ReconcileSession,
  page: readonly FetchedSubscription[],
  onSettled: (subscriptionId: string) => void = () => undefined,
): Promise<void> {
  const { subscriptions: counts } = session.report;
  const known = await readKnownSubscriptions(
    session.deps.db,
    page.map(({ fields }) => fields),
  );
  for (const fetched of page) {
    const before = known.get(fetched.fields.id) ?? NOTHING_KNOWN;
    const step = planReconcile(fetched.fields, before);
    if (step.kind === "repair") await settle(session, fetched, { before, step });
    else if (step.kind === "foreign") counts.foreign += 1;
    else counts.same += 1;
    counts.listed += 1;
    onSettled(fetched.fields.id);
  }
}

const NOTHING_KNOWN: KnownSubscription = { row: undefined, tenant: undefined };

interface Repair {
  before: KnownSubscription;
  step: ReconcileStep & { kind: "repair" };
}

async function settle(session: ReconcileSession, fetched: FetchedSubscription, repair: Repair): Promise<void> {
  const { subscriptions: counts } = session.report;
  const { before, step } = repair;
  requireChange(session);
  const result = session.writes ? await applyRepair(session, fetched, repair) : "planned";
  counts.differing += 1;
  if (result === "unrepaired") counts.unrepaired += 1;
  addFinding(counts.list, {
    subscription_id: fetched.fields.id,
    tenant_id: before.tenant?.tenantId ?? before.row?.tenantId ?? null,
    stripe_status: fetched.fields.status,
    differences: step.differences,
    result,
  });
}

async function applyRepair(
  session: ReconcileSession,
  fetched: FetchedSubscription,
  { before, step }: Repair,
): Promise<Result> {
  const state = step.takesState ? await takeState(session, fetched, before) : "applied";
  if (!step.findsCheckout || state === "unrepaired") return state;
  return findCheckout(session, fetched);
}

async function takeState(
  session: ReconcileSession,
  { fields, livemode, fetchedAtMs }: FetchedSubscription,
  { row, tenant, customerTenant }: KnownSubscription,
): Promise<Result> {
  // The rows it is decided on are part of the id: a repair that changed nothing is not tried again until they change.
  const owner = tenant ?? customerTenant;
  const decidedOn = [row?.stateAsOf ?? null, row?.updatedAt ?? null, owner?.updatedAt ?? null];
  const digest = await sha256Hex(JSON.stringify(["state", fields, ...decidedOn]));
  const envelope = envelopeOf({
    id: `reconcile_${digest.slice(0, 40)}`,
    type: "reconcile.subscription",
    createdSeconds: stateAsOf(fetchedAtMs, row),
    livemode,
  });
  const fact = { kind: "subscription", subscription: fields } as const;
  // The envelope's time is early, to be outdated by every later event; a plan must not count from the month before.
  const fetchedSeconds = Math.floor(fetchedAtMs / 1_000);
  return applyNews(session, { envelope, fact, actor: session.actor, fetchedSeconds }, digest);
}

/** The subscription's own checkout names its tenant; the event that said so was never made or never came. */
async function findCheckout(session: ReconcileSession, fetched: FetchedSubscription): Promise<Result> {
  requireAsk(session);
  const checkout = readCheckoutSession(await session.stripe.findCheckout(fetched.fields.id));
  if (checkout === undefined) return "unrepaired";
  const digest = await sha256Hex(JSON.stringify(["checkout", checkout]));
  const envelope = envelopeOf({
    id: `reconcile_${digest.slice(0, 40)}`,
    type: "reconcile.checkout",
    createdSeconds: Math.floor(fetched.fetchedAtMs / 1_000),
    livemode: fetched.livemode,
  });
  return applyNews(session, { envelope, fact: { kind: "checkout", session: checkout }, actor: session.actor }, digest);
}

const envelopeOf = (own: Pick<StripeEnvelope, "id" | "type" | "createdSeconds" | "livemode">): StripeEnvelope => ({
  ...own,
  isForeign: false,
  isThin: false,
  object: {},
  relatedObjectId: undefined,
});
