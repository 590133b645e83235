import type { EmulatorContext } from "./context.ts";

/** What tests and the demo look at: how much there is of everything, and the money-bearing records. */
export function describeState(context: EmulatorContext) {
  const { state } = context;
  const deliveries = [...state.deliveries.values()].flat();
  const count = (status: string) => deliveries.filter((delivery) => delivery.status === status).length;
  return {
    counts: {
      customers: state.customers.size,
      deleted_customers: state.deletedCustomers.size,
      products: state.products.size,
      prices: state.prices.size,
      meters: state.meters.size,
      meter_events: state.meterEvents.length,
      invoice_items: state.invoiceItems.size,
      invoices: state.invoices.size,
      subscriptions: state.subscriptions.size,
      checkout_sessions: state.checkoutSessions.size,
      events: state.events.size,
      thin_events: state.thinEvents.size,
      requests: state.requestCount,
    },
    deliveries: { pending: count("pending"), delivered: count("delivered"), failed: count("failed") },
    meter_events: state.meterEvents,
    invoice_items: [...state.invoiceItems.values()],
  };
}
