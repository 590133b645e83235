import type { EmulatorContext } from "./context.ts";
import { emitEvent, type EventType } from "./events.ts";
import type { InvoiceItemObject } from "./invoice-items.ts";
import { createInvoiceObject, type InvoiceInit, type InvoiceObject } from "./invoice-object.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";
import type { SubscriptionObject } from "./subscription-object.ts";

export type Settlement = "paid" | "payment_failed" | "open";

export function findInvoice(context: EmulatorContext, id: string): InvoiceObject {
  const invoice = context.state.invoices.get(id);
  if (invoice === undefined) throw createMissingResource("invoice", id);
  return invoice;
}

/** A draft for the subscription that takes in the customer's pending invoice items of its currency. */
export function createInvoice(
  context: EmulatorContext,
  subscription: SubscriptionObject,
  reason: InvoiceInit["reason"],
): InvoiceObject {
  const { customer, currency } = subscription;
  const pending = listPendingItems(context, customer).filter((item) => item.currency === currency);
  return storeDraft(context, { customer, currency, subscription, reason, pending });
}

export const listPendingItems = (context: EmulatorContext, customer: string): InvoiceItemObject[] =>
  [...context.state.invoiceItems.values()].filter((item) => item.customer === customer && item.invoice === null);

/** Keeps a new draft and marks its invoice items as taken. */
export function storeDraft(context: EmulatorContext, init: Omit<InvoiceInit, "id" | "customerEmail">): InvoiceObject {
  const { customer, pending } = init;
  const customerEmail = context.state.customers.get(customer)?.email ?? null;
  const invoice = createInvoiceObject(context, { ...init, id: context.createId("in"), customerEmail });
  context.state.invoices.set(invoice.id, invoice);
  for (const item of pending) context.state.invoiceItems.set(item.id, { ...item, invoice: invoice.id });
  emitEvent(context, { type: "invoice.created", object: invoice });
  return invoice;
}

/** Closes a draft: it has a number, cannot change any more and is owed. */
export function finalizeInvoice(context: EmulatorContext, id: string): InvoiceObject {
  const draft = findInvoice(context, id);
  if (draft.status !== "draft") {
    throw createInvalidRequest({
      code: "invoice_not_editable",
      message: "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
      isSaved: true,
    });
  }
  return changeInvoice(context, id, {
    change: {
      status: "open",
      automatically_finalizes_at: null,
      number: `EMU-${String(context.state.invoices.size).padStart(4, "0")}`,
      status_transitions: { ...draft.status_transitions, finalized_at: context.nowSeconds() },
    },
    types: ["invoice.finalized"],
  });
}

/** Finalizes the draft and takes one payment attempt, with the events of each step. */
export function settleInvoice(context: EmulatorContext, id: string, settlement: Settlement): InvoiceObject {
  const now = context.nowSeconds();
  const open = finalizeInvoice(context, id);
  if (settlement === "open") return open;
  if (settlement === "payment_failed") {
    const change = { attempted: true, attempt_count: open.attempt_count + 1, next_payment_attempt: now + 3 * 86_400 };
    return changeInvoice(context, id, { change, types: ["invoice.payment_failed"] });
  }
  return payInvoice(context, id);
}

/** What Stripe does by itself, an hour after a draft that advances was made. */
export function advanceInvoices(context: EmulatorContext): void {
  for (const { id, status, automatically_finalizes_at: dueAt, collection_method } of context.state.invoices.values()) {
    if (status !== "draft" || dueAt === null || dueAt > context.nowSeconds()) continue;
    settleInvoice(context, id, collection_method === "charge_automatically" ? "paid" : "open");
  }
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
