import type { StripeClient } from "./deps.ts";
import { IDENTIFIER_KEY } from "./execute.ts";
import { LOOK_UP_PAGES_MAX } from "./limits.ts";
import { type Finding, idempotencyKey } from "./plan/send-decision.ts";
import type { EndedDebt, InvoiceRow } from "./store/invoice-outbox.ts";

const HOUR_SECONDS = 60 * 60;
const STRIPE_PAGE = 100;

/** Whether one of a debt's charges is still without an invoice at Stripe. Undefined: there is too much to read. */
export async function hasPendingCharge(stripe: StripeClient, debt: EndedDebt): Promise<boolean | undefined> {
  const charges = new Set(debt.charges);
  let after: string | undefined;
  for (let page = 0; page < LOOK_UP_PAGES_MAX; page += 1) {
    const { data, has_more: hasMore } = await stripe.invoiceItems.list({
      customer: debt.customer,
      pending: true,
      limit: STRIPE_PAGE,
      ...(after === undefined ? {} : { starting_after: after }),
    });
    if (data.some((item) => charges.has(item.metadata?.[IDENTIFIER_KEY] ?? ""))) return true;
    after = data.at(-1)?.id;
    if (!hasMore || after === undefined) return false;
  }
  return undefined;
}

/** What the ended subscription was paid with: Stripe's checkout keeps it there, not with the customer. */
export async function readPaymentMethod(stripe: StripeClient, subscriptionId: string | null): Promise<string | null> {
  if (subscriptionId === null) return null;
  const { default_payment_method: method } = await stripe.subscriptions.retrieve(subscriptionId);
  return typeof method === "string" ? method : (method?.id ?? null);
}

/** Makes the invoice; Stripe closes and charges it an hour later by itself. Returns its id. */
export async function createInvoice(stripe: StripeClient, row: InvoiceRow): Promise<string> {
  const { customer, currency, payment_method: method, key_epoch: keyEpoch } = row.payload;
  const invoice = await stripe.invoices.create(
    {
      customer,
      currency,
      collection_method: "charge_automatically",
      auto_advance: true,
      pending_invoice_items_behavior: "include",
      ...(method === null ? {} : { default_payment_method: method }),
      metadata: { [IDENTIFIER_KEY]: row.identifier, tenant_id: row.tenantId, cycle: row.cycle },
    },
    { idempotencyKey: idempotencyKey({ identifier: row.identifier, keyEpoch }) },
  );
  return invoice.id;
}

/** Finds the invoice of an earlier attempt by its metadata. */
export async function lookUpInvoice(stripe: StripeClient, row: InvoiceRow): Promise<Finding> {
  const since = Math.floor(row.createdAtMs / 1_000) - HOUR_SECONDS;
  let after: string | undefined;
  for (let page = 0; page < LOOK_UP_PAGES_MAX; page += 1) {
    const { data, has_more: hasMore } = await stripe.invoices.list({
      customer: row.payload.customer,
      created: { gte: since },
      limit: STRIPE_PAGE,
      ...(after === undefined ? {} : { starting_after: after }),
    });
    const found = data.find((invoice) => invoice.metadata?.[IDENTIFIER_KEY] === row.identifier);
    if (found !== undefined) return { kind: "found", stripeId: found.id };
    after = data.at(-1)?.id;
    if (!hasMore || after === undefined) return { kind: "absent" };
  }
  return { kind: "unknown", reason: "look_up_too_long: the customer has more invoices than are read" };
}
