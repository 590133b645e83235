import type Stripe from "stripe";
import type { StripeApi } from "./api.ts";
import type { EmulatorContext } from "./context.ts";
import { requireCustomer } from "./customers.ts";
import { emitEvent } from "./events.ts";
import { readLineAmount } from "./line-amount.ts";
import { listPage, pageParams, passesCreated } from "./list-page.ts";
import { readMetadata } from "./metadata.ts";
import type { Params } from "./params.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";
import type { Wire } from "./wire.ts";

export type InvoiceItemObject = ReturnType<typeof createInvoiceItemObject>;

const writable = [
  "amount",
  "currency",
  "customer",
  "description",
  "discountable",
  "expand",
  "invoice",
  "metadata",
  "period",
  "price_data",
  "pricing",
  "quantity",
  "quantity_decimal",
  "subscription",
  "unit_amount_decimal",
] as const satisfies readonly (keyof Stripe.InvoiceItemCreateParams)[];

export function registerInvoiceItems(api: StripeApi, context: EmulatorContext): void {
  api.post("/v1/invoiceitems", (call) => createInvoiceItem(context, call.params.accept(writable)));
  api.get("/v1/invoiceitems", (call) => listInvoiceItems(context, call.params));
  api.get("/v1/invoiceitems/:id", (call) => findInvoiceItem(context, call.id));
  api.delete("/v1/invoiceitems/:id", (call) => deleteInvoiceItem(context, call.id));
}

function createInvoiceItem(context: EmulatorContext, params: Params): InvoiceItemObject {
  const item = createInvoiceItemObject(context, params);
  context.state.invoiceItems.set(item.id, item);
  emitEvent(context, { type: "invoiceitem.created", object: item });
  return item;
}

function createInvoiceItemObject(context: EmulatorContext, params: Params) {
  const customer = requireCustomer(context, params);
  const line = readLineAmount(context, params);
  const subscription = readSubscription(context, params, customer.id);
  const invoice = readInvoice(context, params, customer.id);
  return {
    id: context.createId("ii"),
    object: "invoiceitem",
    amount: line.amount,
    currency: line.currency,
    customer: customer.id,
    customer_account: null,
    date: context.nowSeconds(),
    description: params.text("description") ?? null,
    discountable: params.boolean("discountable") ?? true,
    discounts: [] as string[],
    invoice,
    livemode: false,
    metadata: readMetadata(params),
    net_amount: line.amount,
    parent:
      subscription === null ? null : { subscription_details: { subscription }, type: "subscription_details" as const },
    period: readPeriod(context, params),
    pricing: line.pricing,
    proration: false,
    quantity: Math.trunc(Number(line.quantityDecimal)),
    quantity_decimal: line.quantityDecimal,
    tax_rates: [] as never[],
    test_clock: null,
  } satisfies Wire<Stripe.InvoiceItem>;
}

function readPeriod(context: EmulatorContext, params: Params): { readonly end: number; readonly start: number } {
  const period = params.object("period")?.accept(["start", "end"]);
  if (period === undefined) return { end: context.nowSeconds(), start: context.nowSeconds() };
  const start = period.integer("start");
  const end = period.integer("end");
  if (start === undefined) throw period.missing("start");
  if (end === undefined) throw period.missing("end");
  if (end >= start) return { end, start };
  throw createInvalidRequest({ param: period.name("end"), message: "The period end must not be before its start." });
}

function readSubscription(context: EmulatorContext, params: Params, customer: string): string | null {
  const id = params.text("subscription");
  if (id === undefined) return null;
  if (context.state.subscriptions.get(id)?.customer === customer) return id;
  throw createMissingResource("subscription", id, "subscription");
}

function readInvoice(context: EmulatorContext, params: Params, customer: string): string | null {
  const id = params.text("invoice");
  if (id === undefined) return null;
  const invoice = context.state.invoices.get(id);
  if (invoice?.customer !== customer) throw createMissingResource("invoice", id, "invoice");
  if (invoice.status === "draft") return id;
  throw createInvalidRequest({ param: "invoice", message: "The invoice is no longer editable.", isSaved: true });
}

function listInvoiceItems(context: EmulatorContext, params: Params): object {
  params.accept([...pageParams, "created", "customer", "invoice", "pending"]);
  const customer = params.text("customer");
  const invoice = params.text("invoice");
  const pending = params.boolean("pending");
  const items = [...context.state.invoiceItems.values()].filter(
    (item) =>
      passesCreated(params, item.date) &&
      (customer === undefined || item.customer === customer) &&
      (invoice === undefined || item.invoice === invoice) &&
      (pending === undefined || (item.invoice === null) === pending),
  );
  return listPage({ url: "/v1/invoiceitems", kind: "invoiceitem", items }, params);
}

function deleteInvoiceItem(context: EmulatorContext, id: string): object {
  const item = findInvoiceItem(context, id);
  const invoice = item.invoice === null ? undefined : context.state.invoices.get(item.invoice);
  if (invoice !== undefined && invoice.status !== "draft") {
    throw createInvalidRequest({ message: "An invoice item of a finalized invoice can't be deleted.", isSaved: true });
  }
  context.state.invoiceItems.delete(id);
  emitEvent(context, { type: "invoiceitem.deleted", object: item });
  return { id, object: "invoiceitem", deleted: true };
}

function findInvoiceItem(context: EmulatorContext, id: string): InvoiceItemObject {
  const item = context.state.invoiceItems.get(id);
  if (item === undefined) throw createMissingResource("invoiceitem", id);
  return item;
}
