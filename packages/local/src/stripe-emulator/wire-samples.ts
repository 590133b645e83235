import type { WireSample } from "./wire-check.ts";

/** The SDK's type of each kind of object, by its `object` field. */
const typeOf: Readonly<Record<string, string>> = {
  "billing.meter": "Stripe.Billing.Meter",
  "billing.meter_event": "Stripe.Billing.MeterEvent",
  "billing.meter_event_summary": "Stripe.Billing.MeterEventSummary",
  "checkout.session": "Stripe.Checkout.Session",
  customer: "Stripe.Customer",
  event: "Stripe.EventBase",
  invoice: "Stripe.Invoice",
  invoiceitem: "Stripe.InvoiceItem",
  item: "Stripe.LineItem",
  line_item: "Stripe.InvoiceLineItem",
  payment_method: "Stripe.PaymentMethod",
  price: "Stripe.Price",
  product: "Stripe.Product",
  subscription: "Stripe.Subscription",
};

const deletedTypeOf: Readonly<Record<string, string>> = {
  customer: "Stripe.DeletedCustomer",
  invoiceitem: "Stripe.DeletedInvoiceItem",
};

const thinTypeOf: Readonly<Record<string, string>> = {
  "v1.billing.meter.error_report_triggered": "Stripe.V2.Core.Events.V1BillingMeterErrorReportTriggeredEvent",
  "v1.billing.meter.no_meter_found": "Stripe.V2.Core.Events.V1BillingMeterNoMeterFoundEvent",
};

interface StripeObject {
  readonly object: string;
  readonly [field: string]: unknown;
}

/** One sample for an object, one for each element of a list, and one for what an event is about. */
export function takeSamples(name: string, body: unknown): WireSample[] {
  const answer = body as StripeObject;
  if (answer.object === "list") return takeListSamples(name, answer);
  if (answer.object === "event") {
    const { object } = answer["data"] as { object: StripeObject };
    return [{ name, type: nameType(answer), body }, ...takeSamples(`${name} ${object.object}`, object)];
  }
  return [{ name, type: nameType(answer), body }];
}

function takeListSamples(name: string, list: StripeObject): WireSample[] {
  const { data, ...envelope } = list;
  const items = data as StripeObject[];
  return [
    { name, type: 'Omit<Stripe.ApiList<unknown>, "data">', body: envelope },
    ...items.flatMap((item, index) => takeSamples(`${name} [${index}]`, item)),
  ];
}

function nameType(answer: StripeObject): string {
  const known =
    answer.object === "v2.core.event"
      ? thinTypeOf[String(answer["type"])]
      : (answer["deleted"] === true ? deletedTypeOf : typeOf)[answer.object];
  if (known === undefined) throw new Error(`no type is known for ${JSON.stringify([answer.object, answer["type"]])}`);
  return known;
}
