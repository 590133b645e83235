import {
  readCheckoutSession,
  readCustomerId,
  readInvoiceSubscriptionId,
  readStripeId,
  readSubscription,
  type CheckoutSessionFields,
  type StripeEnvelope,
  type SubscriptionFields,
} from "@prego/core/stripe";

/** What an event means to us, read out of it once. */
export type StripeFact =
  | { kind: "checkout"; session: CheckoutSessionFields }
  | { kind: "subscription"; subscription: SubscriptionFields }
  | {
      kind: "invoice";
      outcome: "paid" | "payment_failed";
      objectId: string | undefined;
      subscriptionId: string | undefined;
    }
  | { kind: "charge"; outcome: "refunded" | "disputed"; objectId: string | undefined; customerId: string | undefined }
  | { kind: "meter_report"; meterId: string | undefined }
  | { kind: "ignored" }
  | { kind: "unreadable"; reason: string };

/** Reads the fact out of a verified event; types that nothing is done about are `ignored`. */
export function readStripeFact(envelope: StripeEnvelope): StripeFact {
  return envelope.isThin ? readThin(envelope) : readSnapshot(envelope);
}

function readThin({ type, relatedObjectId }: StripeEnvelope): StripeFact {
  const isReport = type === "v1.billing.meter.error_report_triggered" || type === "v1.billing.meter.no_meter_found";
  return isReport ? { kind: "meter_report", meterId: relatedObjectId } : { kind: "ignored" };
}

function readSnapshot({ type, object }: StripeEnvelope): StripeFact {
  switch (type) {
    case "checkout.session.completed":
      return readCheckout(object);
    case "customer.subscription.created":
    case "customer.subscription.updated":
    case "customer.subscription.paused":
    case "customer.subscription.resumed":
    case "customer.subscription.deleted":
      return readSubscriptionFact(type, object);
    case "invoice.paid":
    case "invoice.payment_succeeded":
      return readInvoice(object, "paid");
    case "invoice.payment_failed":
      return readInvoice(object, "payment_failed");
    case "charge.refunded":
      return readCharge(object, { outcome: "refunded", customerId: readCustomerId(object) });
    case "charge.dispute.created":
      // A dispute names its charge; the customer is known only when the charge is expanded.
      return readCharge(object, { outcome: "disputed", customerId: readCustomerId(object["charge"]) });
    default:
      return { kind: "ignored" };
  }
}

const readCharge = (
  object: Record<string, unknown>,
  rest: { outcome: "refunded" | "disputed"; customerId: string | undefined },
): StripeFact => ({ kind: "charge", objectId: readStripeId(object), ...rest });

function readCheckout(object: Record<string, unknown>): StripeFact {
  const session = readCheckoutSession(object);
  return session === undefined ? { kind: "unreadable", reason: "session_unreadable" } : { kind: "checkout", session };
}

function readSubscriptionFact(type: string, object: Record<string, unknown>): StripeFact {
  const subscription = readSubscription(object);
  if (subscription === undefined) return { kind: "unreadable", reason: "subscription_unreadable" };
  const status = type === "customer.subscription.deleted" ? "canceled" : subscription.status;
  return { kind: "subscription", subscription: { ...subscription, status } };
}

const readInvoice = (object: Record<string, unknown>, outcome: "paid" | "payment_failed"): StripeFact => ({
  kind: "invoice",
  outcome,
  objectId: readStripeId(object),
  subscriptionId: readInvoiceSubscriptionId(object),
});
