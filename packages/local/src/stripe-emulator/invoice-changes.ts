import type { EmulatorContext } from "./context.ts";
import { emitEvent, type EventType } from "./events.ts";
import { createInvoiceObject, type BillingReason, type InvoiceObject } from "./invoice-object.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";
import type { SubscriptionObject } from "./subscription-object.ts";

export type Settlement = "paid" | "payment_failed" | "open";

export function findInvoice(context: EmulatorContext, id: string): InvoiceObject {
  const invoice = context.state.invoices.get(id);
  if (invoice === undefined) throw createMissingResource("invoice", id);
  return invoice;
}

/** A draft for the subscription that takes in the customer's pending invoice items. */
export function createInvoice(
  context: EmulatorContext,
  subscription: SubscriptionObject,
  reason: BillingReason,
): InvoiceObject {
  const pending = [...context.state.invoiceItems.values()].filter(
    (item) => item.customer === subscription.customer && item.invoice === null,
  );
  const invoice = createInvoiceObject(context, {
    id: context.createId("in"),
    subscription,
    pending,
    reason,
    customerEmail: context.state.customers.get(subscription.customer)?.email ?? null,
  });
  context.state.invoices.set(invoice.id, invoice);
  for (const item of pending) context.state.invoiceItems.set(item.id, { ...item, invoice: invoice.id });
  emitEvent(context, { type: "invoice.created", object: invoice });
  return invoice;
}

/** Finalizes the draft and takes one payment attempt, with the events of each step. */
export function settleInvoice(context: EmulatorContext, id: string, settlement: Settlement): InvoiceObject {
  const now = context.nowSeconds();
  const draft = findInvoice(context, id);
  const open = changeInvoice(context, id, {
    change: {
      status: "open",
      number: `EMU-${String(context.state.invoices.size).padStart(4, "0")}`,
      status_transitions: { ...draft.status_transitions, finalized_at: now },
    },
    types: ["invoice.finalized"],
  });
  if (settlement === "open") return open;
  if (settlement === "payment_failed") {
    const change = { attempted: true, attempt_count: open.attempt_count + 1, next_payment_attempt: now + 3 * 86_400 };
    return changeInvoice(context, id, { change, types: ["invoice.payment_failed"] });
  }
  return payInvoice(context, id);
}

export function payInvoice(context: EmulatorContext, id: string): InvoiceObject {
  const invoice = findInvoice(context, id);
  if (invoice.status !== "open") {
    throw createInvalidRequest({ message: `Invoice is ${invoice.status}, only open ones are paid.` });
  }
  return changeInvoice(context, id, {
    change: {
      status: "paid",
      amount_paid: invoice.amount_due,
      amount_remaining: 0,
      attempted: true,
      attempt_count: invoice.attempt_count + 1,
      next_payment_attempt: null,
      status_transitions: { ...invoice.status_transitions, paid_at: context.nowSeconds() },
    },
    types: ["invoice.paid", "invoice.payment_succeeded"],
  });
}

export function voidInvoice(context: EmulatorContext, id: string): InvoiceObject {
  const invoice = findInvoice(context, id);
  if (invoice.status !== "open" && invoice.status !== "uncollectible") {
    throw createInvalidRequest({
      message: `You can only pass in open invoices. This invoice isn't open.`,
      isSaved: true,
    });
  }
  const status_transitions = { ...invoice.status_transitions, voided_at: context.nowSeconds() };
  const change = { status: "void" as const, amount_remaining: 0, status_transitions };
  return changeInvoice(context, id, { change, types: ["invoice.voided"] });
}

function changeInvoice(
  context: EmulatorContext,
  id: string,
  step: { readonly change: Partial<InvoiceObject>; readonly types: readonly EventType[] },
): InvoiceObject {
  const invoice: InvoiceObject = { ...findInvoice(context, id), ...step.change };
  context.state.invoices.set(id, invoice);
  for (const type of step.types) emitEvent(context, { type, object: invoice });
  return invoice;
}
