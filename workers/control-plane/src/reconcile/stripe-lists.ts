import { createStripeClient, readSubscription, type SubscriptionFields } from "@prego/core/stripe";
import type { Deps } from "../deps.ts";
import type { EventWindow } from "../domain/event-window.ts";

/** A subscription as Stripe has it now. */
export interface FetchedSubscription {
  fields: SubscriptionFields;
  livemode: boolean;
  fetchedAtMs: number;
}

/** A page of a list; `lastId` is where the next one begins. */
export interface StripePage<T> {
  items: T[];
  hasMore: boolean;
  lastId: string | undefined;
}

/** The questions that a reconcile asks. Each is one call, and each may throw. */
export interface StripeLists {
  /** Newest first. */
  listUndelivered(window: EventWindow): Promise<StripePage<object>>;
  listSubscriptions(after: string): Promise<StripePage<FetchedSubscription>>;
  findSubscription(subscriptionId: string): Promise<FetchedSubscription | undefined>;
  /** The completed checkout that made a subscription. */
  findCheckout(subscriptionId: string): Promise<Record<string, unknown> | undefined>;
}

const PAGE = 100;

/** The types that something is done about; others would only be stored as ignored. */
const EVENT_TYPES = [
  "checkout.session.completed",
  "customer.subscription.created",
  "customer.subscription.updated",
  "customer.subscription.paused",
  "customer.subscription.resumed",
  "customer.subscription.deleted",
  "invoice.paid",
  "invoice.payment_succeeded",
  "invoice.payment_failed",
  "charge.refunded",
  "charge.dispute.created",
];

/** Undefined while no key is configured. */
export function createStripeLists(deps: Pick<Deps, "settings" | "fetch" | "now">): StripeLists | undefined {
  const { stripeSecretKey: secretKey, stripeApiBase: apiBase } = deps.settings;
  if (secretKey === undefined) return undefined;
  const stripe = createStripeClient({ secretKey, apiBase, fetch: deps.fetch });
  const read = (object: { livemode: boolean }, fetchedAtMs: number): FetchedSubscription[] => {
    const fields = readSubscription(object);
    return fields === undefined ? [] : [{ fields, livemode: object.livemode, fetchedAtMs }];
  };
  return {
    listUndelivered: async ({ from, until, after }) => {
      const { data, has_more: hasMore } = await stripe.events.list({
        delivery_success: false,
        types: EVENT_TYPES,
        created: { gte: from, lt: until },
        limit: PAGE,
        ...(after === null ? {} : { starting_after: after }),
      });
      return { items: data, hasMore, lastId: data.at(-1)?.id };
    },
    listSubscriptions: async (after) => {
      const fetchedAtMs = deps.now();
      const page = { status: "all", limit: PAGE, ...(after === "" ? {} : { starting_after: after }) } as const;
      const { data, has_more: hasMore } = await stripe.subscriptions.list(page);
      return { items: data.flatMap((object) => read(object, fetchedAtMs)), hasMore, lastId: data.at(-1)?.id };
    },
    findSubscription: async (subscriptionId) => {
      const fetchedAtMs = deps.now();
      try {
        return read(await stripe.subscriptions.retrieve(subscriptionId), fetchedAtMs)[0];
      } catch (error) {
        if (isStripeFailure(error) && error.statusCode === 404) return undefined;
        throw error;
      }
    },
    findCheckout: async (subscription) => {
      const { data } = await stripe.checkout.sessions.list({ subscription, limit: 1 });
      const [session] = data;
      return session?.status === "complete" ? { ...session } : undefined;
    },
  };
}

/** What an error of the Stripe client says of itself; `statusCode` is missing when no answer came. */
export type StripeFailure = Error & { type: string; statusCode?: number };

/** Whether Stripe, or the way there, failed: everything else a run would ask fails too. */
export const isStripeFailure = (error: unknown): error is StripeFailure =>
  error instanceof Error && "type" in error && typeof error.type === "string" && error.type.startsWith("Stripe");
