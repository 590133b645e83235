import type { StripeApi } from "./api.ts";
import type { EmulatorContext } from "./context.ts";
import { findInvoice, voidInvoice } from "./invoice-changes.ts";
import { listPage, pageParams, passesCreated } from "./list-page.ts";
import type { Params } from "./params.ts";

export function registerInvoices(api: StripeApi, context: EmulatorContext): void {
  api.get("/v1/invoices", (call) => listInvoices(context, call.params));
  api.get("/v1/invoices/:id", (call) => findInvoice(context, call.id));
  api.post("/v1/invoices/:id/void", (call) => {
    call.params.accept(["expand"]);
    return voidInvoice(context, call.id);
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
      (subscription === undefined || invoice.parent.subscription_details.subscription === subscription) &&
      (status === undefined || invoice.status === status),
  );
  return listPage({ url: "/v1/invoices", kind: "invoice", items }, params);
}
