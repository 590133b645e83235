import type Stripe from "stripe";
import type { StripeApi } from "./api.ts";
import type { EmulatorContext } from "./context.ts";
import { requireCustomer } from "./customers.ts";
import {
  finalizeInvoice,
  findInvoice,
  listPendingItems,
  payInvoice,
  storeDraft,
  voidInvoice,
} from "./invoice-changes.ts";
import { collectionMethods, type InvoiceObject } from "./invoice-object.ts";
import { listPage, pageParams, passesCreated } from "./list-page.ts";
import { readMetadata } from "./metadata.ts";
import type { Params } from "./params.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";

/** Stripe leaves a draft this long before it closes it by itself. */
const draftSeconds = 60 * 60;
const daySeconds = 24 * 60 * 60;

const creatable = [
  "auto_advance",
  "collection_method",
  "currency",
  "customer",
  "days_until_due",
  "default_payment_method",
  "description",
  "expand",
  "metadata",
  "pending_invoice_items_behavior",
] as const satisfies readonly (keyof Stripe.InvoiceCreateParams)[];

export function registerInvoices(api: StripeApi, context: EmulatorContext): void {
  api.post("/v1/invoices", (call) => createInvoiceFromParams(context, call.params.accept(creatable)));
  api.get("/v1/invoices", (call) => listInvoices(context, call.params));
  api.get("/v1/invoices/:id", (call) => findInvoice(context, call.id));
  api.post("/v1/invoices/:id/finalize", (call) => {
    call.params.accept(["auto_advance", "expand"]);
    return finalizeInvoice(context, call.id);
  });
  api.post("/v1/invoices/:id/pay", (call) => {
    call.params.accept(["expand"]);
    return payInvoice(context, call.id);
  });
  api.post("/v1/invoices/:id/void", (call) => {
    call.params.accept(["expand"]);
    return voidInvoice(context, call.id);
  });
}

/** A draft of its own, without a subscription; it takes pending items only when that is asked for. */
function createInvoiceFromParams(context: EmulatorContext, params: Params): InvoiceObject {
  const customer = requireCustomer(context, params).id;
  const behavior = params.choice("pending_invoice_items_behavior", ["exclude", "include"]) ?? "exclude";
  const all = behavior === "include" ? listPendingItems(context, customer) : [];
  const currency = params.text("currency")?.toLowerCase() ?? all[0]?.currency ?? "usd";
  const collection_method = params.choice("collection_method", collectionMethods) ?? "charge_automatically";
  const auto_advance = params.boolean("auto_advance") ?? false;
  return storeDraft(context, {
    customer,
    currency,
    subscription: null,
    pending: all.filter((item) => item.currency === currency),
    reason: "manual",
    asked: {
      auto_advance,
      automatically_finalizes_at: auto_advance ? context.nowSeconds() + draftSeconds : null,
      collection_method,
      default_payment_method: readPaymentMethod(context, params, customer),
      description: params.text("description") ?? null,
      due_date: readDueDate(context, params, collection_method),
      metadata: readMetadata(params),
    },
  });
}

function readPaymentMethod(context: EmulatorContext, params: Params, customer: string): string | null {
  const id = params.text("default_payment_method");
  if (id === undefined) return null;
  if (context.state.paymentMethods.get(id)?.customer === customer) return id;
  throw createMissingResource("PaymentMethod", id, "default_payment_method");
}

function readDueDate(
  context: EmulatorContext,
  params: Params,
  method: (typeof collectionMethods)[number],
): number | null {
  const days = params.integer("days_until_due");
  if ((method === "send_invoice") === (days !== undefined)) {
    return days === undefined ? null : context.nowSeconds() + days * daySeconds;
  }
  throw createInvalidRequest({
    param: "days_until_due",
    message: "days_until_due is required with collection_method=send_invoice, and can only be set with it.",
  });
}

function listInvoices(context: EmulatorContext, params: Params): object {
  params.accept([...pageParams, "created", "customer", "status", "subscription"]);
  const customer = params.text("customer");
  const subscription = params.text("subscription");
  const status = params.choice("status", ["draft", "open", "paid", "uncollectible", "void"]);
  const items = [...context.state.invoices.values()].filter(
    (invoice) =>
      passesCreated(params, invoice.created) &&
      (customer === undefined || invoice.customer === customer) &&
      (subscription === undefined || invoice.parent?.subscription_details.subscription === subscription) &&
      (status === undefined || invoice.status === status),
  );
  return listPage({ url: "/v1/invoices", kind: "invoice", items }, params);
}
