import type { StripeClient } from "./deps.ts";
import { isEndedSubscription, type ListedSubscription } from "./domain/subscription-life.ts";
import { STRIPE_PAGE_OBJECTS_MAX, STRIPE_ROUNDS_MAX, STRIPE_SUBSCRIPTION_PAGES_MAX } from "./limits.ts";
import type { StripeIds } from "./store/candidates.ts";

/** Asked before every call that changes something; it throws when a legal hold was set meanwhile. */
export type Gate = () => Promise<void>;

/** Thrown in place of ending a subscription that nobody knew of when the purge began: someone pays. */
export class UnknownSubscriptionError extends Error {
  override readonly name = "UnknownSubscriptionError";
}

/** True when Stripe says that the object is not there (any more). */
const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error as { code: unknown }).code === "resource_missing";

async function orMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * Stripe's refusal of a change that the object's state no longer allows, such as voiding an invoice that was just paid. A key
 * that lacks a permission is answered 403 with the same type.
 */
const isRefused = (error: unknown): boolean =>
  error instanceof Error &&
  "rawType" in error &&
  error.rawType === "invalid_request_error" &&
  (error as { statusCode?: unknown }).statusCode !== 403;

/**
 * Repeats listing and ending until the list is empty: what another run ended is no longer listed. A refusal is looked at again by
 * listing, and thrown when a second round ends nothing either.
 */
async function endAll<T extends { id: string }>(
  list: () => Promise<{ data: T[] } | undefined>,
  end: (item: T) => Promise<unknown>,
): Promise<void> {
  let refusal: unknown;
  for (let round = 0; round < STRIPE_ROUNDS_MAX; round += 1) {
    const items = (await list())?.data ?? [];
    if (items.length === 0) return;
    if (refusal !== undefined) throw refusal;
    let ended = 0;
    for (const item of items) {
      try {
        await end(item);
        ended += 1;
      } catch (error) {
        if (!isRefused(error)) throw error;
        refusal = error;
      }
    }
    if (ended > 0) refusal = undefined;
  }
  throw new Error("Stripe still lists objects of the customer");
}

/**
 * Ends what the tenant has at Stripe: cancels the subscriptions known when the purge began, voids open invoices, detaches payment methods. Every call may be
 * repeated. Returns when the newest transaction was made (epoch seconds), or null when there is none.
 * @throws {UnknownSubscriptionError} before it changes anything of a customer with another live subscription.
 */
export async function settleAtStripe(stripe: StripeClient, ids: StripeIds, gate: Gate): Promise<number | null> {
  for (const customer of ids.customers) await listKnownAlive(stripe, customer, ids);
  for (const id of ids.subscriptions) await cancelSubscription(stripe, id, gate);
  let lastTransaction: number | null = null;
  for (const customer of ids.customers) {
    const page = { customer, limit: STRIPE_PAGE_OBJECTS_MAX };
    await endAll(
      () => listKnownAlive(stripe, customer, ids),
      ({ id }) => cancelSubscription(stripe, id, gate),
    );
    const newest = await orMissing(stripe.invoices.list({ customer, limit: 1 }));
    lastTransaction = Math.max(lastTransaction ?? 0, newest?.data[0]?.created ?? 0) || lastTransaction;
    await endAll(
      () => orMissing(stripe.invoices.list({ ...page, status: "open" })),
      async ({ id }) => {
        await gate();
        await orMissing(stripe.invoices.voidInvoice(id));
      },
    );
    await endAll(
      () => orMissing(stripe.customers.listPaymentMethods(customer, { limit: STRIPE_PAGE_OBJECTS_MAX })),
      async ({ id }) => {
        await gate();
        await orMissing(stripe.paymentMethods.detach(id));
      },
    );
  }
  return lastTransaction;
}

/** All subscriptions that a customer ever had; none when Stripe does not know the customer. */
export async function listSubscriptions(stripe: StripeClient, customer: string): Promise<ListedSubscription[]> {
  const found: ListedSubscription[] = [];
  let after: string | undefined;
  for (let page = 0; page < STRIPE_SUBSCRIPTION_PAGES_MAX; page += 1) {
    const position = after === undefined ? {} : { starting_after: after };
    const query = { customer, status: "all", limit: STRIPE_PAGE_OBJECTS_MAX, ...position } as const;
    const answer = await orMissing(stripe.subscriptions.list(query));
    found.push(...(answer?.data ?? []).map(({ id, status }) => ({ id, status })));
    after = found.at(-1)?.id;
    if (answer?.has_more !== true) return found;
  }
  throw new Error("the customer has more subscriptions than are looked at");
}

async function listKnownAlive(
  stripe: StripeClient,
  customer: string,
  ids: StripeIds,
): Promise<{ data: ListedSubscription[] }> {
  const data = (await listSubscriptions(stripe, customer)).filter(({ status }) => !isEndedSubscription(status));
  if (data.some(({ id }) => !ids.subscriptions.includes(id))) {
    throw new UnknownSubscriptionError("a subscription that began after the purge did is alive");
  }
  return { data };
}

async function cancelSubscription(stripe: StripeClient, id: string, gate: Gate): Promise<void> {
  const known = await orMissing(stripe.subscriptions.retrieve(id));
  if (known === undefined || isEndedSubscription(known.status)) return;
  await gate();
  await orMissing(stripe.subscriptions.cancel(id, { invoice_now: false, prorate: false }));
}

/** Deletes the customers and reads them back; resolves only when Stripe says that they are gone. */
export async function deleteCustomers(stripe: StripeClient, ids: StripeIds, gate: Gate): Promise<void> {
  for (const id of ids.customers) {
    if (await isCustomerGone(stripe, id)) continue;
    // Deleting a customer cancels its subscriptions.
    await listKnownAlive(stripe, id, ids);
    await gate();
    await orMissing(stripe.customers.del(id));
    if (!(await isCustomerGone(stripe, id))) throw new Error("Stripe still has the customer");
  }
}

/** Whether Stripe no longer has the customer. */
export async function isCustomerGone(stripe: StripeClient, id: string): Promise<boolean> {
  const customer = await orMissing(stripe.customers.retrieve(id));
  return customer === undefined || customer.deleted === true;
}
